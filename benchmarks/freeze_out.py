"""What FreezeOut saves of a training: CPU-seconds and time with layers frozen on the way, over those without.

Networks train on random images, in turn with and without; what they learn meanwhile is a matter of the bank.

    python -m benchmarks.freeze_out [--quick] [--format table|json]
"""

from __future__ import annotations

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # as in every worker; torch reads the environment when it is imported

import statistics
import time
from typing import Any

import torch
from torch import nn

from benchmarks._report import arguments, emit
from greenai_core import training
from greenai_core.candidate import Candidate
from greenai_core.context import Data, Images
from greenai_core.registry import parse

BATCH, CLASSES, SHAPE = 64, 10, (1, 28, 28)
NETWORKS: tuple[dict[str, Any], ...] = (
    {"name": "mnist_cnn"},
    {"name": "plain_cnn", "channels": 32},
    {"name": "resnet20"},
    {"name": "mobilenet_v2"},
)
SHARES = (0.3, 0.6)
"""Of the training, after which the first layer learns no more."""


def took(model: nn.Module, data: Data, freeze_out: float) -> tuple[float, float]:
    """Return wall and CPU seconds of a training."""
    wall, cpu = time.perf_counter(), time.process_time()
    training.fit(
        Candidate(model),
        data,
        epochs=1,
        lr=1e-3,
        freeze_out=freeze_out,
        generator=torch.Generator(),
        report=lambda step: None,
    )
    return time.perf_counter() - wall, time.process_time() - cpu


def row(entry: dict[str, Any], steps: int, rounds: int) -> dict[str, Any]:
    """Train one network every way, in turn; the first round is left out."""
    built: Any = parse("models", entry)
    model: nn.Module = built(SHAPE, CLASSES)
    images = Images(torch.randn(BATCH * steps, *SHAPE), torch.randint(CLASSES, (BATCH * steps,)))
    data = Data(images, Images(images.images[:BATCH], images.labels[:BATCH]), SHAPE, CLASSES)
    taken = [[took(model, data, share) for share in (1.0, *SHARES)] for _ in range(rounds + 1)][1:]
    return {
        "model": ", ".join(f"{value}" for value in entry.values()),
        **{
            f"{what}_from_{share:g}_on": round(
                statistics.median(each[number][place] / each[0][place] for each in taken), 2
            )
            for number, share in enumerate(SHARES, start=1)
            for place, what in enumerate(("wall", "cpu"))
        },
    }


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    torch.manual_seed(0)
    rows = [row(entry, steps=10 if options.quick else 60, rounds=1 if options.quick else 3) for entry in NETWORKS]
    ratios = {
        f"CPU-seconds, the first layer frozen after {share:g} / never, median of the networks": statistics.median(
            found[f"cpu_from_{share:g}_on"] for found in rows
        )
        for share in SHARES
    }
    emit(options, rows, ratios=ratios)


if __name__ == "__main__":
    main()
