"""How long a forward pass takes and what it costs: latency, throughput and joules from the same calls.

Everything is timed on one thread, in ONNX Runtime where the model can be exported and in torch where it cannot; the
runtime is part of the key under which the figures compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from greenai_core.energy.benchmark import EnergyStats
from greenai_core.energy.keys import inference_key
from greenai_core.energy.machine import environment
from greenai_core.energy.meter import EnergyMeter
from greenai_core.evaluation import evaluating
from greenai_core.record import InferenceMeasurement, least_sure
from greenai_core.runtime import INPUT, OUTPUT, session
from greenai_core.spec import Measurement

THREADS = 1

Images = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Effort:
    """How long is measured at each batch size; see `greenai_core.energy.meter.EnergyMeter.benchmark`.

    Windows are counted in the least window that the energy sources can measure (`EnergyMeter.min_window_s`): a counter
    of the processor needs longer ones than CPU time does.
    """

    length: float
    repeats: int
    warmup_s: float
    budget: float

    def options(self, meter: EnergyMeter) -> dict[str, Any]:
        """Return the options of a benchmark with this meter."""
        return {
            "min_window_s": self.length * meter.min_window_s,
            "repeats": self.repeats,
            "warmup_s": self.warmup_s,
            "max_total_s": self.budget * meter.min_window_s,
        }


PROFILES = {
    "quick": Effort(length=1.0, repeats=3, warmup_s=0.1, budget=6.0),
    "full": Effort(length=3.0, repeats=5, warmup_s=1.0, budget=66.0),
}


@dataclass(frozen=True)
class Runner:
    """A runtime with a model in it; `prepare` turns images (N, C, H, W) into a call that computes their logits."""

    runtime: str
    prepare: Callable[[Images], Callable[[], object]]


def onnx_runner(content: bytes) -> Runner:
    """Run an ONNX file in ONNX Runtime on the CPU, as `greenai_core.runtime.session` opens it."""
    opened = session(content)
    return Runner(
        runtime=f"onnxruntime {version('onnxruntime')}",
        prepare=lambda images: partial(opened.run, [OUTPUT], {INPUT: images}),
    )


@contextmanager
def torch_runner(model: nn.Module) -> Iterator[Runner]:
    """Run a model that is on the CPU in torch, on one thread; threads and mode are put back afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with evaluating(model):
            yield Runner(
                runtime=f"torch {version('torch')}",
                prepare=lambda images: partial(model, torch.from_numpy(images)),
            )
    finally:
        torch.set_num_threads(threads)


def measure_file(
    content: bytes, input_shape: tuple[int, int, int], wanted: Measurement, meter: EnergyMeter
) -> InferenceMeasurement:
    """Measure a deployed ONNX file, given as its bytes; see `measure_inference`."""
    return measure_inference(onnx_runner(content), input_shape, wanted, meter)


def measure_inference(
    runner: Runner, input_shape: tuple[int, int, int], wanted: Measurement, meter: EnergyMeter
) -> InferenceMeasurement:
    """Time a model at batch 1 and at the throughput batch, and meter the same calls.

    The images are noise: a dense forward pass costs the same whatever it sees.

    Args:
        runner: what computes the forward pass.
        input_shape: (C, H, W).
        wanted: batch size of throughput and of `energy_per_sample_j`, and the profile, one of `PROFILES`: by CPU time
            quick takes about 2.5 s and full about 13 s; more where the machine is busy, within limits.
        meter: where the joules come from.
    """
    throughput_batch, profile = wanted.throughput_batch, wanted.profile
    images = np.random.default_rng(0).standard_normal((throughput_batch, *input_shape), dtype=np.float32)
    single = _measure(runner, images[:1], PROFILES[profile], meter)
    batched = single if throughput_batch == 1 else _measure(runner, images, PROFILES[profile], meter)
    windows = single.windows if batched is single else single.windows + batched.windows
    machine = environment()
    return InferenceMeasurement(
        inference_key=inference_key(
            machine=machine,
            source=meter.source,
            constants=meter.constants,
            threads=THREADS,
            device="cpu",
            runtime=runner.runtime,
            batch=throughput_batch,
        ),
        measured_at=datetime.now(UTC).isoformat(),
        runtime=runner.runtime,
        threads=THREADS,
        throughput_batch=throughput_batch,
        latency_ms=1e3 * single.latency_median_s,
        throughput=throughput_batch / batched.latency_median_s,
        energy_per_sample_j=batched.j_per_unit,
        energy_per_sample_ci95_j=batched.ci95_j,
        energy_per_sample_b1_j=single.j_per_unit,
        energy_per_sample_b1_ci95_j=single.ci95_j,
        energy_kind=least_sure([single.kind, batched.kind]) or "estimated",
        quality=tuple(dict.fromkeys(single.quality + batched.quality)),
        windows=tuple(window.as_json() for window in windows),
        environment=machine,
    )


def _measure(runner: Runner, images: Images, effort: Effort, meter: EnergyMeter) -> EnergyStats:
    label = f"batch {len(images)}"
    return meter.benchmark(runner.prepare(images), len(images), label=label, unit="sample", **effort.options(meter))
