"""The idle machine's power: measured only while it is idle, kept for a day, subtracted."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greenai_core.energy import idle
from greenai_core.energy.edge import Edge
from greenai_core.energy.idle import FRESH_S, IdleBaseline
from greenai_core.energy.meter import EnergyMeter
from tests.energy.test_accounting import Known


@pytest.fixture(autouse=True)
def machine_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("GREENAI_HOST_ID", uuid.uuid4().hex)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield


def meter() -> EnergyMeter:
    return EnergyMeter([Known()], constants_origin="a test")


def edges(monkeypatch: pytest.MonkeyPatch, *, joules: float, wall_s: float, busy_s: float) -> None:
    """Let a calibration see this, whatever the machine is doing."""
    monkeypatch.setattr("greenai_core.energy.edge.opening", lambda _: Edge(0.0, (0.0, 0.0), 0.0, None, ((0.0,),)))
    last = Edge(wall_s, (0.0, 0.0), busy_s, None, ((joules,),))
    monkeypatch.setattr("greenai_core.energy.edge.closing", lambda _: last)


def test_an_idle_machine_is_calibrated_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    edges(monkeypatch, joules=35.0, wall_s=5.0, busy_s=0.01)
    measured = meter()
    assert measured.describe()["idle"] is None
    assert "first run" in measured.describe()["idle_reason"]
    assert measured.source == "known (idle included)"
    found = measured.calibrate_idle(0.0)
    assert found is not None
    assert found.watts == {"known": 7.0}
    assert measured.source == "known"
    again = meter()  # another process of this machine
    assert again.idle == found
    assert again.describe()["idle"]["watts"] == {"known": 7.0}
    assert again.describe()["idle"]["age_s"] >= 0


def test_a_busy_machine_is_not_taken_for_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    edges(monkeypatch, joules=35.0, wall_s=5.0, busy_s=5.0)
    measured = meter()
    assert measured.calibrate_idle(0.0) is None
    assert measured.idle is None
    assert "in use" in measured.describe()["idle_reason"]
    assert idle.remembered(measured.sources) is None


def test_a_counter_that_cannot_be_read_gives_no_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    edges(monkeypatch, joules=-1.0, wall_s=5.0, busy_s=0.0)
    measured = meter()
    assert measured.calibrate_idle(0.0) is None
    assert "counter" in measured.describe()["idle_reason"]


def test_preparing_calibrates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    baseline = IdleBaseline({"known": 1.0}, time.time(), 5.0)
    measured = meter()

    def calibrate(seconds: float) -> IdleBaseline:
        calls.append(seconds)
        measured.idle = baseline
        return baseline

    monkeypatch.setattr(measured, "calibrate_idle", calibrate)
    measured.prepare()
    measured.prepare()
    assert len(calls) == 1


def test_cpu_time_needs_no_baseline() -> None:
    from greenai_core.energy.sources.cputime import CpuTime

    measured = EnergyMeter([CpuTime(4.0)], constants_origin="a test")
    measured.prepare()
    assert measured.calibrate_idle(0.0) is None
    assert "no idle part" in measured.describe()["idle_reason"]
    assert measured.source == "cputime"


def test_old_and_broken_baselines_are_forgotten() -> None:
    sources = [Known()]
    fresh = IdleBaseline({"known": 3.0}, time.time(), 5.0)
    idle.remember(sources, fresh)
    assert idle.remembered(sources) == fresh
    assert idle.remembered([replace(Known(), id="other")]) is None
    idle.remember(sources, IdleBaseline({"known": 3.0}, time.time() - FRESH_S - 1, 5.0))
    assert idle.remembered(sources) is None
    idle._file(sources).write_text("{")
    assert idle.remembered(sources) is None
