"""Timing and metering of a forward pass in both runtimes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from greenai_core import timing
from greenai_core.energy.meter import EnergyMeter
from greenai_core.export import export_onnx
from greenai_core.record import InferenceMeasurement
from greenai_core.spec import Measurement
from greenai_core.timing import PROFILES, measure_inference, onnx_runner, torch_runner
from tests.networks import GREY, cnn, model

REAL = dict(PROFILES)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure for as short as still ranks."""
    brief = replace(PROFILES["quick"], length=0.1, warmup_s=0.02, budget=2.0)
    monkeypatch.setitem(timing.PROFILES, "quick", brief)


def in_onnx(network: torch.nn.Module, batch: int = 8) -> InferenceMeasurement:
    runner = onnx_runner(export_onnx(network, GREY))
    return measure_inference(runner, GREY, Measurement(throughput_batch=batch), EnergyMeter.from_settings())


def test_a_smaller_network_is_faster_and_cheaper() -> None:
    large, small = in_onnx(model("mnist_cnn")), in_onnx(cnn(2, 4))
    assert small.latency_ms < large.latency_ms
    assert small.throughput > large.throughput
    assert (small.energy_per_sample_j or 0) < (large.energy_per_sample_j or 0)
    assert (small.energy_per_sample_b1_j or 0) < (large.energy_per_sample_b1_j or 0)
    assert small.inference_key == large.inference_key


def test_measurement_holds_its_windows_and_states_its_kind() -> None:
    measured = in_onnx(cnn(2, 4))
    assert {window["label"] for window in measured.windows} == {"batch 1", "batch 8"}
    assert all(window["units"] == window["n_iter"] * int(window["label"].split()[1]) for window in measured.windows)
    assert measured.energy_kind == "estimated"
    assert measured.runtime.startswith("onnxruntime ")
    assert measured.threads == 1
    assert "too_short" in measured.quality  # these windows are: the test's profile is below the source's minimum
    per_sample = [w["j_per_unit"] for w in measured.windows if w["label"] == "batch 8"]
    assert measured.energy_per_sample_j == pytest.approx(sum(per_sample) / len(per_sample))
    assert InferenceMeasurement.model_validate_json(measured.model_dump_json()) == measured


def test_throughput_at_batch_one_is_measured_once() -> None:
    measured = in_onnx(cnn(2, 4), batch=1)
    assert measured.energy_per_sample_j == measured.energy_per_sample_b1_j
    assert measured.throughput == pytest.approx(1000 / measured.latency_ms)


def test_torch_is_another_runtime_and_is_left_as_it_was() -> None:
    network = cnn(2, 4).train()
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with torch_runner(network) as runner:
            assert torch.get_num_threads() == 1
            measured = measure_inference(runner, GREY, Measurement(throughput_batch=8), EnergyMeter.from_settings())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert all(module.training for module in network.modules())
    assert measured.runtime.startswith("torch ")
    assert measured.inference_key != in_onnx(network).inference_key


def test_quick_fits_its_time_limit() -> None:
    """Two batch sizes, each warmed up and measured until its limit, leave room for export and parity within 5 s."""
    quick = REAL["quick"].options(EnergyMeter.from_settings())
    assert 2 * (quick["warmup_s"] + quick["max_total_s"]) < 4
    assert PROFILES["full"].repeats >= 5
