"""NVML with a module that stands in for pynvml: the joules of the one GPU that we use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pynvml
import pytest

from greenai_core.energy.sources.nvml import Nvml
from tests.energy.fake_nvml import MIG_ENABLE, FakeGpu, FakeNvml

PAUSE = "greenai_core.energy.sources._counters.sleep"
Machine = Callable[..., Nvml]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a function that puts GPUs into this machine and returns the source."""

    def install(*gpus: FakeGpu, visible: str | None = None, order: str | None = None, driver: bool = True) -> Nvml:
        monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*gpus, driver=driver))
        for name, value in (("CUDA_VISIBLE_DEVICES", visible), ("CUDA_DEVICE_ORDER", order)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        return Nvml()

    return install


def add(gpu: FakeGpu, millijoules: int) -> None:
    gpu.millijoules = (gpu.millijoules or 0) + millijoules


def joules(source: Nvml, spend: Callable[[], object]) -> float | None:
    before = source.read()
    spend()
    return source.joules(before, source.read())


def test_the_stand_in_has_the_names_of_the_library() -> None:
    assert not [name for name in vars(FakeNvml) if not name.startswith("_") and not hasattr(pynvml, name)]


def test_millijoules_become_joules(machine: Machine) -> None:
    gpu = FakeGpu()
    assert joules(machine(gpu), lambda: add(gpu, 63_500)) == pytest.approx(63.5)


@pytest.mark.parametrize(
    ("visible", "used"),
    [
        (None, 0),
        ("0", 0),
        ("1,0", 1),
        (" 1 ", 1),
        ("GPU-bbbb-2", 1),
        ("GPU-b", 1),
    ],
)
def test_only_the_gpu_in_use_counts(visible: str | None, used: int, machine: Machine) -> None:
    gpus = [FakeGpu("GPU-aaaa-1"), FakeGpu("GPU-bbbb-2")]
    source = machine(*gpus, visible=visible)
    assert joules(source, lambda: add(gpus[1 - used], 9_000)) == 0
    assert joules(source, lambda: add(gpus[used], 9_000)) == pytest.approx(9)
    assert source.leases == (gpus[used].uuid.lower(),)
    assert source.leases[0].startswith("gpu-")


@pytest.mark.parametrize("visible", ["", "-1", "2", "nonsense", "GPU-", "GPU-cccc", "MIG-aaaa"])
def test_no_visible_gpu_is_said_so(visible: str, machine: Machine) -> None:
    source = machine(FakeGpu("GPU-aaaa-1"), FakeGpu("GPU-bbbb-2"), visible=visible)
    assert not source.probe().ok
    assert f"CUDA_VISIBLE_DEVICES={visible}" in source.probe().reason
    assert source.leases == ()
    assert source.others() is None
    assert joules(source, lambda: None) is None


def test_a_number_among_different_gpus_is_not_guessed(machine: Machine) -> None:
    gpus = [FakeGpu("GPU-aaaa-1", "NVIDIA T4"), FakeGpu("GPU-bbbb-2", "NVIDIA H200")]
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in machine(*gpus, visible="1").probe().reason
    assert machine(*gpus, visible="1", order="PCI_BUS_ID").leases == ("gpu-bbbb-2",)
    assert machine(*gpus, visible="GPU-bbbb-2").leases == ("gpu-bbbb-2",)


def test_a_counter_that_advances_works(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        add(gpu, 1 if sum(pauses) > 0.3 else 0)

    monkeypatch.setattr(PAUSE, pause)
    probe = machine(gpu).probe()
    assert probe.ok
    assert gpu.name in probe.reason


@pytest.mark.parametrize(
    ("gpus", "reason"),
    [
        ([], "knows no GPU"),
        ([FakeGpu(millijoules=None)], "no energy counter"),
        ([FakeGpu()], "does not advance"),
        ([FakeGpu(mig=MIG_ENABLE)], "MIG"),
    ],
)
def test_why_a_gpu_is_refused(
    gpus: list[FakeGpu], reason: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PAUSE, lambda seconds: None)
    probe = machine(*gpus).probe()
    assert not probe.ok
    assert reason in probe.reason


def test_a_missing_driver_is_said_so(machine: Machine) -> None:
    assert "Driver Not Loaded" in machine(driver=False).probe().reason


def test_a_missing_library_is_said_so(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    source = machine(FakeGpu())
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py" in source.probe().reason


def test_a_reading_that_fails_makes_the_joules_unknown(machine: Machine) -> None:
    gpu = FakeGpu()
    assert joules(machine(gpu), lambda: setattr(gpu, "millijoules", None)) is None


def test_a_counter_that_began_anew_makes_the_joules_unknown(machine: Machine) -> None:
    gpu = FakeGpu(millijoules=5_000)
    assert joules(machine(gpu), lambda: setattr(gpu, "millijoules", 4_000)) is None


def test_others_are_counted_and_our_own_are_not(machine: Machine) -> None:
    stranger, own = 1, os.getpid()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert machine(FakeGpu(pids=[own, child.pid])).others() == 0
        assert machine(FakeGpu(pids=[child.pid, stranger])).others() == 1


@pytest.mark.parametrize("pids", [None, [], [1]])
def test_others_are_unknown_where_the_list_lacks_us(pids: list[int] | None, machine: Machine) -> None:
    assert machine(FakeGpu(pids=pids)).others() is None
