"""One thread or all of them for a training step: where a step is small, waking the others takes longer than the step.

Networks of several sizes train on random images, in turn with one thread and with as many as this machine has cores;
the rows show from where on (`greenai_core.acceleration.ALONE_BELOW`) more threads pay, in time and in CPU-seconds.

    python -m benchmarks.threads [--quick] [--format table|json]
"""

from __future__ import annotations

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # as in every worker; torch reads the environment when it is imported

import statistics
import time
from typing import Any
from unittest import mock

import torch
from torch import nn

from benchmarks._report import arguments, emit
from greenai_core import acceleration, metrics, training
from greenai_core.candidate import Candidate
from greenai_core.context import Data, Images
from greenai_core.energy.machine import cores_usable
from greenai_core.registry import parse

BATCH, CLASSES = 64, 10
CASES: tuple[tuple[dict[str, Any], int], ...] = (
    ({"name": "mnist_cnn"}, 8),
    ({"name": "lenet5"}, 28),
    ({"name": "plain_cnn", "channels": 6}, 28),
    ({"name": "resnet20"}, 8),
    ({"name": "plain_cnn", "channels": 11}, 28),
    ({"name": "plain_cnn", "channels": 16}, 28),
    ({"name": "mnist_cnn"}, 28),
    ({"name": "plain_cnn", "channels": 32}, 28),
)
"""Networks and the side of their images."""


def took(model: nn.Module, data: Data, threads: int) -> tuple[float, float]:
    """Return wall and CPU milliseconds of a step with so many threads."""
    steps = len(data.train) / BATCH
    with mock.patch.object(acceleration, "ALONE_BELOW", 0.0):
        torch.set_num_threads(threads)
        wall, cpu = time.perf_counter(), time.process_time()
        training.fit(Candidate(model), data, epochs=1, lr=1e-3, generator=torch.Generator(), report=lambda step: None)
        return 1000 * (time.perf_counter() - wall) / steps, 1000 * (time.process_time() - cpu) / steps


def row(entry: dict[str, Any], side: int, steps: int, pairs: int) -> dict[str, Any]:
    """Time one network both ways, in turn; the first pair is left out."""
    shape = (1, side, side)
    built: Any = parse("models", entry)
    model: nn.Module = built(shape, CLASSES)
    images = Images(torch.randn(BATCH * steps, *shape), torch.randint(CLASSES, (BATCH * steps,)))
    data = Data(images, Images(images.images[:BATCH], images.labels[:BATCH]), shape, CLASSES)
    taken = [(took(model, data, 1), took(model, data, cores_usable())) for _ in range(pairs + 1)][1:]
    wall, cpu = (statistics.median(alone[place] / together[place] for alone, together in taken) for place in (0, 1))
    macs = BATCH * (metrics.macs(model, shape) or 0)
    return {
        "model": ", ".join(f"{value}" for value in entry.values()),
        "side": side,
        "million_macs_a_step": round(macs / 1e6),
        "threads": "one" if macs < acceleration.ALONE_BELOW else "all",
        "wall_one_over_all": round(wall, 2),
        "cpu_one_over_all": round(cpu, 2),
        "step_ms_one": round(statistics.median(alone[0] for alone, _ in taken), 2),
    }


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    torch.manual_seed(0)
    rows = [row(*case, steps=5 if options.quick else 40, pairs=1 if options.quick else 5) for case in CASES]
    small = [found for found in rows if found["threads"] == "one"]
    emit(
        options,
        rows,
        ratios={
            f"{what}, one thread / all, median of the small steps": statistics.median(
                found[f"{what}_one_over_all"] for found in small
            )
            for what in ("wall", "cpu")
        },
        figures={"threads of this machine": str(cores_usable())},
    )


if __name__ == "__main__":
    main()
