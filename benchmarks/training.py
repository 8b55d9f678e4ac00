"""Training against a textbook loop: images per second, and CPU-seconds to the same validation accuracy.

The textbook loop is that of the tutorials (`benchmarks._textbook`). Both loops train the same network on the same
images in batches of the same size. They take turns, so that whatever else the machine does falls on both, and a ratio
is the median over the pairs. Both keep the memory that a step frees, as our workers do; what that saves is in no ratio.

    GREENAI_DATA_DIR=... python -m benchmarks.training [--quick] [--format table|json]     # needs Fashion-MNIST there
"""

from __future__ import annotations

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # as in every worker; torch reads the environment when it is imported

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks import _textbook
from benchmarks._report import arguments, emit
from greenai_core import training
from greenai_core.candidate import Candidate
from greenai_core.context import Data, Images, tensors
from greenai_core.datasets._base import Splits
from greenai_core.registry import parse

OUR_LR = 4e-3
"""The default of the technique `train`."""


@dataclass(frozen=True)
class Case:
    """One network: epochs of each loop in the race to an accuracy, and what is claimed."""

    model: str
    textbook_epochs: int
    our_epochs: int
    least_speed_ratio: float
    most_cpu_share: float


CASES = (Case("mnist_cnn", 2, 2, 2.2, 0.5), Case("mlp_student", 3, 3, 5.0, 0.25))


@dataclass(frozen=True)
class Took:
    """Wall and CPU-seconds of a training, and the validation accuracy it reached."""

    wall_s: float
    cpu_s: float
    accuracy_val: float


def ours(model: nn.Module, data: Data, epochs: int) -> nn.Module:
    """Train with the product's loop."""
    generator = torch.Generator().manual_seed(0)
    fitted = training.fit(
        Candidate(model),
        data,
        epochs=epochs,
        lr=OUR_LR,
        batch_size=_textbook.BATCH,
        generator=generator,
        report=lambda step: None,
    )
    return fitted.model


def took(train: Callable[[], nn.Module], images: Images) -> Took:
    """Time a training; its validation accuracy is found out afterwards."""
    wall, cpu = time.perf_counter(), time.process_time()
    model = train()
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    return Took(wall_s, cpu_s, training.accuracy_of(model, "fp32", images.images, images.labels))


def race(case: Case, splits: Splits, pairs: int, epochs: tuple[int, int]) -> list[tuple[Took, Took]]:
    """Let both loops train in turn; `epochs` of the textbook loop and of ours."""
    cpu = torch.device("cpu")
    normalised = Data(
        tensors(splits, "train", cpu), tensors(splits, "val", cpu), splits.input_shape, len(splits.classes)
    )
    plain_val = Images(torch.from_numpy(splits.val.images).float() / 255, normalised.val.labels)  # what ToTensor gives
    results = []
    for seed in range(pairs):
        torch.manual_seed(seed)
        built: Any = parse("models", {"name": case.model})
        models = [built(splits.input_shape, 10) for _ in range(2)]
        results.append(
            (
                took(partial(_textbook.train, models[0], _textbook.torchvision_data(splits), epochs[0]), plain_val),
                took(partial(ours, models[1], normalised, epochs[1]), normalised.val),
            )
        )
    return results


def product_limit(model: str, splits: Splits) -> float:
    """Return the images per second at which this machine could train if only the bfloat16 products took time.

    The convolutions and linear layers of the network, forward and both gradients, each on inputs made beforehand.
    """
    built: Any = parse("models", {"name": model})
    network: nn.Module = built(splits.input_shape, 10).to(torch.bfloat16, memory_format=torch.channels_last)
    calls: list[tuple[nn.Module, torch.Tensor]] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda module, given, _: calls.append((module, given[0].detach())))
    network.eval()(
        torch.randn(_textbook.BATCH, *splits.input_shape, dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    )
    for layer, _ in calls:
        layer._forward_hooks.clear()
    steps = [(layer, given.requires_grad_(index > 0)) for index, (layer, given) in enumerate(calls)]
    gradients = [torch.randn_like(layer(given)) for layer, given in steps]

    def step() -> None:
        for (layer, given), gradient in zip(steps, gradients, strict=True):
            layer(given).backward(gradient)

    seconds = []
    for _ in range(60):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return _textbook.BATCH / min(seconds)


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    splits = _textbook.fashion_mnist(options.quick)
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float | str] = {}
    figures: dict[str, float | str] = {"threads": str(torch.get_num_threads()), "batch_size": str(_textbook.BATCH)}
    for case in CASES:
        for pair, (book, our) in enumerate(race(case, splits, 1 if options.quick else 3, (1, 1))):
            speeds = [len(splits.train) / loop.wall_s for loop in (book, our)]
            rows.append(
                {"model": case.model, "what": f"one epoch, pair {pair}", "textbook_images_per_s": round(speeds[0]),
                 "our_images_per_s": round(speeds[1]), "textbook_cpu_s": book.cpu_s, "our_cpu_s": our.cpu_s,
                 "speed_ratio": speeds[1] / speeds[0]}
            )  # fmt: skip
        own = [row for row in rows if row["model"] == case.model]
        ratios[f"{case.model}: images per second, ours / textbook (claim: at least {case.least_speed_ratio})"] = (
            statistics.median(row["speed_ratio"] for row in own)
        )
        ((book, our),) = race(case, splits, 1, (case.textbook_epochs, case.our_epochs))
        reached = "reached" if our.accuracy_val >= book.accuracy_val else "NOT reached"
        ratios[f"{case.model}: CPU-seconds, ours / textbook (claim: at most {case.most_cpu_share})"] = (
            our.cpu_s / book.cpu_s
        )
        figures[f"{case.model}: validation accuracy of the textbook loop after {case.textbook_epochs} epochs"] = (
            book.accuracy_val
        )
        figures[f"{case.model}: ours after {case.our_epochs} epochs ({reached})"] = our.accuracy_val
    limit = product_limit("mnist_cnn", splits)
    fastest = max(row["our_images_per_s"] for row in rows if row["model"] == "mnist_cnn")
    figures["mnist_cnn: images per second if only its bfloat16 products took time"] = limit
    figures["mnist_cnn: share of that limit which our loop reaches"] = fastest / limit
    emit(options, rows, ratios=ratios, figures=figures)


if __name__ == "__main__":
    main()
