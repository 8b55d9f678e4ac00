"""What compression is worth where it is felt: time, joules and bytes of deployed files, in ONNX Runtime on one thread.

Each network as it is, with half its channels cut, as int8, and both, at batch 1 and 256. The variants take turns, so
that whatever else the machine does falls on all of them; a ratio is the median over the rounds. mnist_cnn also runs in
torch in fp32 on one thread, which is what a deployed file is compared with that was never thought about. Weights and
images are random: a dense forward pass takes as long whatever they are.

    python -m benchmarks.compressed_inference [--quick] [--format table|json]
"""

from __future__ import annotations

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # as in every worker; torch reads the environment when it is imported

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._report import arguments, emit
from greenai_core import export, runtime
from greenai_core.candidate import Candidate
from greenai_core.energy.meter import EnergyMeter
from greenai_core.registry import parse
from greenai_core.timing import PROFILES, onnx_runner, torch_runner
from greenai_core.untrained import applied

INPUT_SHAPE, CLASSES = (1, 28, 28), 10
BATCHES = (1, 256)
MODELS = ("mnist_cnn", "resnet18", "mobilenet_v2", "shufflenet_v2", "efficientnet")
DENSE, INT8 = "fp32", "int8"

Recipe = Sequence[Mapping[str, Any]]


def cut(sparsity: float) -> Mapping[str, Any]:
    """Return the stage that cuts so many channels."""
    return {"name": "l1_channel_pruning", "sparsity": sparsity}


QUANTIZED = {"name": "static_quantization", "images": 64}
VARIANTS: Mapping[str, Recipe] = {
    DENSE: (),
    "channels 0.5": (cut(0.5),),
    INT8: (QUANTIZED,),
    "channels 0.5, int8": (cut(0.5), QUANTIZED),
}
CUT, CUT_INT8 = "channels 0.8", "channels 0.8, int8"
NARROW: Mapping[str, Recipe] = {CUT: (cut(0.8),), CUT_INT8: (cut(0.8), QUANTIZED)}
"""For mnist_cnn only: 7 and 13 channels, where int8 no longer pays."""

TORCH = "torch fp32"
CLAIMS = {INT8: 8.0, CUT: 20.0}
"""Of mnist_cnn against torch at batch 256: at least so many times less, in J/sample as well as in time."""


BYTES_CLAIM = {"mnist_cnn": " (claim: about 4)"}


@dataclass(frozen=True)
class Cost:
    """Wall seconds of a call and joules of a sample; the latter None where no source counts them."""

    wall_s: float
    j_per_sample: float | None


@dataclass(frozen=True)
class Variant:
    """Something that predicts: its name, the bytes of its file (None: it has none), and how a call is prepared."""

    name: str
    size_bytes: int | None
    prepare: Callable[[Any], Callable[[], object]]


def network(name: str) -> Candidate:
    """Build a network and settle its batch normalisation on noise."""
    torch.manual_seed(0)
    model: nn.Module = parse("models", {"name": name})(INPUT_SHAPE, CLASSES)  # type: ignore[operator]
    model.train()
    with torch.no_grad():
        for _ in range(5):
            model(torch.randn(32, *INPUT_SHAPE))
    return Candidate(model.eval())


def compressed(candidate: Candidate, recipe: Recipe) -> bytes:
    """Return the deployed file of a network after a recipe."""
    for stage in recipe:
        candidate = applied(parse("techniques", stage), candidate, INPUT_SHAPE, CLASSES)  # type: ignore[arg-type]
    file = export.deployed(candidate, INPUT_SHAPE).artifact
    assert file is not None
    return runtime.onnx_of(file)


def rounds(variants: Sequence[Variant], batch: int, number: int, meter: EnergyMeter) -> dict[str, list[Cost]]:
    """Measure the variants in turn, `number` times each."""
    images = np.random.default_rng(0).standard_normal((batch, *INPUT_SHAPE), dtype=np.float32)
    calls = {variant.name: variant.prepare(images) for variant in variants}
    effort = PROFILES["quick"].options(meter) | {"repeats": 1, "max_total_s": PROFILES["quick"].length}
    costs: dict[str, list[Cost]] = {name: [] for name in calls}
    for _ in range(number):
        for name, call in calls.items():
            stats = meter.benchmark(call, batch, label=name, unit="sample", **effort)
            costs[name].append(Cost(stats.latency_median_s, stats.j_per_unit))
    return costs


def times_less(than: Sequence[Cost], costs: Sequence[Cost]) -> tuple[float, float | None]:
    """Return how many times less time and joules `costs` are: medians over the rounds."""
    pairs = list(zip(than, costs, strict=True))
    joules = [a.j_per_sample / b.j_per_sample for a, b in pairs if a.j_per_sample and b.j_per_sample]
    return (
        statistics.median(a.wall_s / b.wall_s for a, b in pairs),
        statistics.median(joules) if len(joules) == len(pairs) else None,
    )


def variants_of(name: str) -> list[Variant]:
    """Return the deployed files of a network."""
    candidate = network(name)
    recipes = {**VARIANTS, **NARROW} if name == "mnist_cnn" else VARIANTS
    files = {variant: compressed(candidate, recipe) for variant, recipe in recipes.items()}
    return [Variant(variant, len(file), onnx_runner(file).prepare) for variant, file in files.items()]


@contextmanager
def in_torch(name: str) -> Iterator[list[Variant]]:
    """Give mnist_cnn in torch, as what all its files are compared with; nothing for the others."""
    if name != "mnist_cnn":
        yield []
        return
    with torch_runner(network(name).model) as runner:
        yield [Variant(TORCH, None, runner.prepare)]


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    meter = EnergyMeter.from_settings()
    meter.prepare()
    models = MODELS[:1] if options.quick else MODELS
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float | str] = {}
    for name in models:
        files = variants_of(name)
        sizes = {variant.name: variant.size_bytes or 0 for variant in files}
        ratios[f"{name}: bytes of the file, fp32 / int8{BYTES_CLAIM.get(name, '')}"] = sizes[DENSE] / sizes[INT8]
        with in_torch(name) as reference, torch.no_grad():
            for batch in BATCHES:
                variants = [*reference, *files]
                costs = rounds(variants, batch, 3 if options.quick else 7, meter)
                rows += [_row(name, batch, variant, costs) for variant in variants]
                if reference:
                    ratios |= _narrow(name, batch, costs)
                if reference and batch == max(BATCHES):
                    ratios |= _claimed(name, costs)
    figures = {"energy source": meter.source, "threads": "1"}
    emit(options, rows, ratios=ratios, figures=figures)


def _row(name: str, batch: int, variant: Variant, costs: Mapping[str, Sequence[Cost]]) -> dict[str, Any]:
    own = costs[variant.name]
    joules = [cost.j_per_sample for cost in own if cost.j_per_sample is not None]
    less_time, less_joules = times_less(costs[DENSE], own)
    return {
        "model": name,
        "variant": variant.name,
        "batch": batch,
        "size_bytes": variant.size_bytes,
        "ms": 1e3 * statistics.median(cost.wall_s for cost in own),
        "j_per_sample": statistics.median(joules) if joules else None,
        "times_less_time_than_fp32": less_time,
        "times_fewer_joules_than_fp32": less_joules,
    }


def _narrow(name: str, batch: int, costs: Mapping[str, Sequence[Cost]]) -> dict[str, float]:
    """Return how much longer int8 takes where few channels are left; below 1 it would pay."""
    return {f"{name}: time at batch {batch}, {CUT_INT8} / {CUT}": times_less(costs[CUT_INT8], costs[CUT])[0]}


def _claimed(name: str, costs: Mapping[str, Sequence[Cost]]) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for variant, least in CLAIMS.items():
        less_time, less_joules = times_less(costs[TORCH], costs[variant])
        claim = f"{TORCH} / {variant} (claim: at least {least:g})"
        found[f"{name}: time at batch {max(BATCHES)}, {claim}"] = less_time
        found[f"{name}: J/sample at batch {max(BATCHES)}, {claim}"] = "unknown" if less_joules is None else less_joules
    return found


if __name__ == "__main__":
    main()
