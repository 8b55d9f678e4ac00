"""Benchmarks wait for the measuring lease once, and then measure properly, whether they have it or not."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from greenai_core.energy import meter as meter_module
from greenai_core.energy.lease import NOT_HELD, PROCESSOR, held, lease
from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.sources._base import Reading
from tests.energy.test_accounting import Known
from tests.energy.test_lease import HOLDER
from tests.energy.workload import work


@dataclass(frozen=True)
class Ticking(Known):
    """A counter of the whole processor that adds a joule per reading."""

    leases: tuple[str, ...] = (PROCESSOR,)
    readings: list[float] = field(default_factory=list)

    def read(self) -> Reading:
        self.readings.append(float(len(self.readings)))
        return (self.readings[-1],)


@pytest.fixture(autouse=True)
def machine_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GREENAI_HOST_ID", uuid.uuid4().hex)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def company() -> Iterator[None]:
    """Somebody else measures."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, PROCESSOR], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "None"
        yield
        holder.kill()


def meter() -> EnergyMeter:
    return EnergyMeter([Ticking()], constants_origin="a test")


def test_a_benchmark_in_company_waits_once_and_measures_all_its_windows(
    company: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def counting(names: tuple[str, ...], wait_s: float) -> object:
        waits.append(wait_s if names else 0.0)
        return lease(names, min(wait_s, 0.1))

    monkeypatch.setattr(meter_module, "lease", counting)
    stats = meter().benchmark(lambda: work(1), 1, min_window_s=0.01, repeats=3, warmup_s=0.0, max_total_s=1.0)
    assert len(stats.windows) >= 3
    assert [wait_s for wait_s in waits if wait_s] == [meter_module.PATIENCE_S]
    assert {window.exclusive for window in stats.windows} == {False}
    assert stats.kind == "apportioned"
    assert stats.windows[0].notes["exclusive"] == NOT_HELD


def test_a_benchmark_holds_the_lease_all_the_while() -> None:
    seen: list[bool] = []
    stats = meter().benchmark(
        lambda: seen.append(held([PROCESSOR])), 1, min_window_s=0.0, repeats=2, warmup_s=0.0, max_total_s=1.0
    )
    assert all(seen)
    assert all(window.exclusive for window in stats.windows)
    assert not held([PROCESSOR])


def test_training_takes_the_lease_if_it_is_free() -> None:
    with meter().alone(), meter().window("train") as opened:
        pass
    assert opened.closed.exclusive
    assert not held([PROCESSOR])


def test_training_does_not_wait_for_the_lease(company: None) -> None:
    with meter().alone(), meter().window("train") as opened:
        pass
    assert not opened.closed.exclusive
    assert opened.closed.kind == "apportioned"


def test_a_run_as_a_whole_holds_nothing() -> None:
    with meter().window("run"):
        assert not held([PROCESSOR])


def test_an_exclusive_window_waits_and_says_for_whom(company: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "PATIENCE_S", 0.1)
    with meter().window("train", exclusive=True) as opened:
        pass
    assert not opened.closed.exclusive
    assert "more than 0.1 s" in opened.closed.notes["exclusive"]
