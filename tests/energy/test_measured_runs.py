"""A whole run on a machine with counters: the same record, with joules that are measured or apportioned, and say so."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from greenai_core import run, timing
from greenai_core.analysis import pareto
from greenai_core.energy import idle
from greenai_core.energy.idle import IdleBaseline
from greenai_core.energy.lease import NOT_HELD, PROCESSOR, lease_file
from greenai_core.energy.meter import EnergyMeter
from greenai_core.record import Record, least_sure
from greenai_core.spec import Spec, check
from greenai_core.store import records
from tests.energy.powercap import FakePowercap
from tests.energy.test_lease import HOLDER

IDLE_W = 10.0


@pytest.fixture
def tree(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePowercap]:
    """A machine of its own with counters that run, whose idle power is known."""
    monkeypatch.setenv("GREENAI_HOST_ID", uuid.uuid4().hex)
    monkeypatch.setattr("tempfile.tempdir", str(own_store))
    monkeypatch.setenv("TMPDIR", str(own_store))
    tree = FakePowercap(own_store / "powercap")
    with tree.driven(random.SystemRandom().uniform(40.0, 90.0)):
        counters = EnergyMeter.from_settings().sources
        idle.remember(counters, IdleBaseline({"rapl:package": IDLE_W}, time.time(), 5.0))
        yield tree


def a_spec() -> Spec:
    recipe = [{"name": "train", "epochs": 1}, {"name": "magnitude_pruning", "sparsity": 0.5}]
    return check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mlp_student"},
            "recipe": recipe,
            "measurement": {"profile": "none"},
        }
    )


def adds_up(record: Record) -> None:
    """Every joule of the record follows from what its windows say."""
    for stage in record.stages:
        window = stage.window
        part = window["components"]["cpu"]
        assert part["source"] == "rapl:package"
        assert window["idle_w"] == IDLE_W
        assert window["net_j"] == pytest.approx((part["gross_j"] - IDLE_W * window["wall_s"]) * part["share"])
        apportioned = not window["exclusive"] or "shared_machine" in window["quality"]
        assert window["kind"] == ("apportioned" if apportioned else "measured")
        assert (part["share"] < 1) <= apportioned
    assert record.energy_train_j == pytest.approx(sum(stage.energy_j or 0.0 for stage in record.stages))
    assert record.energy_train_kind != "estimated"
    if "apportioned" in {stage.window["kind"] for stage in record.stages}:
        assert record.energy_train_kind == "apportioned"


def test_a_machine_with_counters_measures(tree: FakePowercap) -> None:
    described = EnergyMeter.from_settings().describe()
    assert (described["source"], described["kind"]) == ("rapl:package", "measured")
    assert described["idle"]["watts"] == {"rapl:package": IDLE_W}
    measured = run.execute(a_spec())
    adds_up(measured)
    assert all(stage.window["exclusive"] for stage in measured.stages)  # nobody else was measuring


def test_beside_another_measurement_joules_are_apportioned(tree: FakePowercap) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, PROCESSOR], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "None"
        assert lease_file(PROCESSOR).exists()
        record = run.execute(a_spec())
        holder.kill()
    adds_up(record)
    assert {stage.window["kind"] for stage in record.stages} == {record.energy_train_kind} == {"apportioned"}
    assert record.stages[0].window["notes"]["exclusive"] == NOT_HELD


def test_measured_and_estimated_runs_share_no_front(tree: FakePowercap, monkeypatch: pytest.MonkeyPatch) -> None:
    records.save(run.execute(a_spec()))
    monkeypatch.setenv("GREENAI_POWERCAP_ROOT", "/nowhere")
    records.save(run.execute(a_spec().model_copy(update={"seed": 1})))
    table = records.table()
    assert set(table["energy_train_kind"]) > {"estimated"}
    assert len(pareto.fronts(table, ["accuracy_val", "energy_train_j"])) == 2
    assert len(pareto.fronts(table, ["accuracy_val", "size_bytes"])) == 1  # bytes compare everywhere


def test_inference_is_timed_in_wall_time_where_a_counter_counts(
    tree: FakePowercap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of what the counter needs, for the sake of this test's time: long enough for no flag to be wrong."""
    brief = replace(timing.PROFILES["quick"], length=0.1, repeats=1, warmup_s=0.0, budget=0.2)
    monkeypatch.setitem(timing.PROFILES, "quick", brief)
    spec = a_spec().model_copy(update={"measurement": a_spec().measurement.model_copy(update={"profile": "quick"})})
    (measured,) = run.execute(spec).measurements
    assert measured.energy_kind == least_sure(window["kind"] for window in measured.windows) != "estimated"
    assert all(window["exclusive"] and window["wall_s"] >= 0.2 for window in measured.windows)
    assert "too_short" in measured.quality


def test_meter_command_says_that_it_measures(tree: FakePowercap) -> None:
    command = [sys.executable, "-m", "greenai_core", "meter", "--format", "json"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert said["kind"] == "measured"
    assert said["sources"][0]["id"] == "rapl:package"
    assert said["refused"] == []
