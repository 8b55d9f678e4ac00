"""The idle machine's power: measured only while it is idle, kept for a day, subtracted."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greenai_core.energy import idle
from greenai_core.energy.edge import Edge
from greenai_core.energy.idle import FRESH_S, IdleBaseline
from greenai_core.energy.lease import PROCESSOR
from greenai_core.energy.meter import EnergyMeter
from tests.energy.test_accounting import Known
from tests.energy.test_lease import HOLDER


@pytest.fixture(autouse=True)
def machine_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("GREENAI_HOST_ID", uuid.uuid4().hex)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield


def meter() -> EnergyMeter:
    return EnergyMeter([Known()], constants_origin="a test")


def edges(monkeypatch: pytest.MonkeyPatch, *, joules: float, wall_s: float, busy_s: float) -> None:
    """Let a calibration see this, whatever the machine is doing."""
    monkeypatch.setattr("greenai_core.energy.edge.opening", lambda _: Edge(0.0, 0.0, 0.0, None, ((0.0,),)))
    last = Edge(wall_s, 0.0, busy_s, None, ((joules,),))
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


def test_baselines_are_kept_per_source() -> None:
    sources = [Known()]
    fresh = IdleBaseline({"known": 3.0}, time.time(), 5.0)
    idle.remember(sources, fresh)
    assert idle.remembered(sources) == fresh
    assert idle.remembered([replace(Known(), id="other")]) is None
    both = [*sources, replace(Known(), id="card", component="gpu", leases=("gpu-a",))]
    assert idle.remembered(both) is None  # of one of them nothing is known
    idle.remember(both[1:], IdleBaseline({"card": 20.0}, fresh.measured_at - 60.0, 5.0))
    assert idle.remembered(both) == IdleBaseline({"known": 3.0, "card": 20.0}, fresh.measured_at - 60.0, 5.0)
    idle._file(sources[0]).write_text("{")
    assert idle.remembered(sources) is None


def test_an_old_baseline_is_measured_again_and_kept_where_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    old = IdleBaseline({"known": 3.0}, time.time() - FRESH_S - 1, 5.0)
    idle.remember([Known()], old)
    measured = meter()
    assert measured.source == "known"  # previews and keys need no fresh one
    monkeypatch.setattr("greenai_core.energy.meter.IDLE_S", 0.0)
    edges(monkeypatch, joules=35.0, wall_s=5.0, busy_s=5.0)
    measured.prepare()
    assert measured.idle == old
    edges(monkeypatch, joules=35.0, wall_s=5.0, busy_s=0.0)
    measured.prepare()
    assert measured.idle is not None
    assert measured.idle.watts == {"known": 7.0}


def test_who_measures_in_company_takes_no_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenai_core.energy.meter.IDLE_PATIENCE_S", 0.0)
    counted = EnergyMeter([replace(Known(), leases=(PROCESSOR,))], constants_origin="a test")
    with subprocess.Popen([sys.executable, "-c", HOLDER, PROCESSOR], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "None"
        assert counted.calibrate_idle(600.0) is None  # at once
        holder.kill()
    assert "another measurement" in counted.describe()["idle_reason"]
