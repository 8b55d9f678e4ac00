"""Apple's samples without a Mac: power x time of contiguous samples, and unknown across gaps."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from codecarbon.core import powermetrics as codecarbon

from greenai_core.energy.sources import powermetrics
from greenai_core.energy.sources._base import Probe
from greenai_core.energy.sources.powermetrics import Powermetrics, Sampler, Watts, sampler_of_process

SAMPLE = "CPU Power: {} mW\nGPU Power: {} mW\n"


class Chip:
    """A chip whose power a test sets; each sample lasts as long as it says."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.next: tuple[float, dict[str, float]] = (0.0, {})
        self.sampler = Sampler(self.sample, clock=lambda: self.now_s)

    def sample(self) -> dict[str, float]:
        self.now_s += self.next[0]
        return self.next[1]

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def run(self, seconds: float, **watts: float) -> None:
        self.next = (seconds, watts)
        self.sampler.step()


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Chip:
    made = Chip()
    monkeypatch.setattr(made.sampler, "run", lambda: None)  # no thread: tests take each sample by hand
    monkeypatch.setattr(powermetrics, "sampler_of_process", lambda: made.sampler)
    return made


def joules(source: Powermetrics, spend: Callable[[], object]) -> float | None:
    before = source.read()
    spend()
    return source.joules(before, source.read())


def test_power_times_time_of_each_part(chip: Chip) -> None:
    chip.run(1.0, cpu=1.0, gpu=0.0)

    def spend() -> None:
        chip.run(1.1, cpu=10.0, gpu=2.0)
        chip.run(1.3, cpu=20.0, gpu=0.0)

    assert joules(Powermetrics("cpu"), spend) == pytest.approx(1.1 * 10 + 1.3 * 20)
    assert joules(Powermetrics("gpu"), spend) == pytest.approx(1.1 * 2)


def test_a_failed_sample_is_a_gap_and_not_0_joules(chip: Chip) -> None:
    chip.run(1.0, cpu=1.0, gpu=0.0)
    source = Powermetrics("cpu")

    def spend() -> None:
        chip.run(1.0, cpu=10.0, gpu=0.0)
        chip.run(1.0)
        chip.run(1.0, cpu=10.0, gpu=0.0)

    assert joules(source, spend) is None
    assert joules(source, lambda: chip.run(1.0, cpu=10.0, gpu=0.0)) == pytest.approx(10)


def test_a_window_before_the_first_sample_is_unknown(chip: Chip) -> None:
    assert joules(Powermetrics("cpu"), lambda: chip.run(1.0, cpu=10.0, gpu=0.0)) is None


def test_between_samples_the_last_power_goes_on(chip: Chip) -> None:
    """A stage may be over before a sample is: its joules are known, if less surely."""
    chip.run(1.0, cpu=10.0, gpu=1.0)
    for part, expected in (("cpu", 2.5), ("gpu", 0.25)):
        assert joules(Powermetrics(part), lambda: chip.wait(0.25)) == pytest.approx(expected)  # type: ignore[arg-type]


def test_windows_in_a_row_add_up_to_what_the_samples_say(chip: Chip) -> None:
    """Whatever was assumed between them, and never less than 0."""
    chip.run(1.0, cpu=10.0)
    source = Powermetrics("cpu")
    whole = source.read()
    parts = [
        joules(source, lambda: chip.wait(0.75)),  # 7.5 J, as it seems
        joules(source, lambda: chip.run(0.25, cpu=2.0)),  # it was 2 J since the sample before: nothing to add
        joules(source, lambda: chip.run(1.0, cpu=2.0)),  # and not yet
        joules(source, lambda: chip.run(1.0, cpu=20.0)),
    ]
    assert parts == [7.5, 0.0, 0.0, pytest.approx(2 + 2 + 20 - 7.5)]
    assert source.joules(whole, source.read()) == pytest.approx(2 + 2 + 20)


def test_samples_that_ceased_leave_the_window_unknown(chip: Chip) -> None:
    chip.run(1.0, cpu=10.0, gpu=0.0)

    def spend() -> None:
        chip.run(1.0, cpu=10.0, gpu=0.0)
        chip.wait(60)

    assert joules(Powermetrics("cpu"), spend) is None


def test_the_parts_have_names_and_leases_of_their_own() -> None:
    cpu, gpu = Powermetrics("cpu"), Powermetrics("gpu")
    assert cpu.id != gpu.id
    assert (cpu.scope, cpu.leases) == ("cpu_package", ("cpu",))
    assert (gpu.scope, gpu.leases) == ("gpu_device", ("gpu-apple",))


def test_samples_are_taken_one_after_the_other_from_the_first_reading_on() -> None:
    """In the thread that a Mac would use; it waits for good after the last sample."""
    taken, last, asked = threading.Event(), 3, 1
    powers = iter([{"cpu": 4.0}] * (asked + last))

    def sample() -> Watts:
        if (watts := next(powers, None)) is None:
            taken.set()
            threading.Event().wait()
        return watts or {}

    threads = threading.active_count()
    sampler = Sampler(sample, clock=itertools.count().__next__)
    assert sampler.works()
    assert threading.active_count() == threads  # whoever asks leaves nothing running
    sampler.run()
    assert not math.isnan(sampler.read("cpu")[1])
    sampler.run()
    assert taken.wait(30)
    assert threading.active_count() == threads + 1


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """A Mac under codecarbon's own code; powermetrics writes one text of the list after the other, None: it fails."""
    outputs: list[str | None] = []

    def log(self: codecarbon.ApplePowermetrics) -> bool:
        if (text := outputs.pop(0)) is not None:
            Path(self._log_file_path).write_text(text)
        return True  # as codecarbon does, though the command failed

    monkeypatch.setattr(codecarbon, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(codecarbon, "detect_cpu_model", lambda: "Apple M2")
    monkeypatch.setattr(codecarbon.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(codecarbon, "_has_powermetrics_sudo", lambda: True)
    monkeypatch.setattr(codecarbon.ApplePowermetrics, "_log_values", log)
    monkeypatch.setattr(powermetrics, "STALE_S", math.inf)
    monkeypatch.setattr(Sampler, "run", lambda self: None)  # no thread: tests take each further sample by hand
    monkeypatch.setattr(powermetrics, "Sampler", partial(Sampler, clock=lambda: 10.0 - len(outputs)))
    codecarbon.clear_powermetrics_cache()
    sampler_of_process.cache_clear()
    yield outputs
    codecarbon.clear_powermetrics_cache()
    sampler_of_process.cache_clear()


def test_samples_of_codecarbon_become_joules(mac: list[str | None]) -> None:
    mac += [SAMPLE.format(4_000, 500), SAMPLE.format(6_000, 700)]  # a second each, by the clock above
    probe = Powermetrics("cpu").probe()
    assert probe.ok
    assert "sampled" in probe.reason
    sampler = sampler_of_process()
    assert isinstance(sampler, Sampler)
    for part, watts in (("cpu", 4), ("gpu", 0.5)):
        assert Powermetrics(part).read()[1] == pytest.approx(watts)  # type: ignore[arg-type]
    assert joules(Powermetrics("cpu"), sampler.step) == pytest.approx(6)


@pytest.mark.parametrize("text", [None, "nothing of use"])
def test_a_sample_that_cannot_be_read_is_a_gap(text: str | None, mac: list[str | None]) -> None:
    """None: the command failed, and the file of the sample before must not be read again."""
    mac += [SAMPLE.format(4_000, 500), text]
    assert Powermetrics("cpu").probe().ok
    before = Powermetrics("cpu").read()
    sampler = sampler_of_process()
    assert isinstance(sampler, Sampler)
    assert not sampler.step()
    assert Powermetrics("cpu").joules(before, Powermetrics("cpu").read()) is None


def test_a_mac_without_a_single_sample_is_refused(mac: list[str | None]) -> None:
    mac.append(None)
    assert not Powermetrics("cpu").probe().ok


def test_without_permission_the_way_out_is_named(mac: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecarbon, "_has_powermetrics_sudo", lambda: False)
    probe = Powermetrics("cpu").probe()
    assert not probe.ok
    assert "sudoers" in probe.reason


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecarbon, "sys", SimpleNamespace(platform="linux"))
    sampler_of_process.cache_clear()
    probe = Powermetrics("gpu").probe()
    assert isinstance(sampler_of_process(), Probe)
    assert not probe.ok
    assert "Apple Silicon only" in probe.reason
