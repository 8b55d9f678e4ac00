"""What records say of the machine: enough to compare figures, nothing that names it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from greenai_core.energy.machine import cores_usable, environment, machine_id


def test_environment_is_json_and_names_neither_host_nor_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_HOST_ID", "secret-host")
    text = json.dumps(environment())
    assert "secret-host" not in text
    assert platform.node() not in text
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text


def test_machine_id_is_stable_and_follows_the_host_id() -> None:
    assert machine_id("a") == machine_id("a")
    assert machine_id("a") != machine_id("b")
    assert len(machine_id("a")) == 16


def test_environment_states_what_figures_depend_on() -> None:
    facts = environment()
    assert facts["processor_family"]
    assert facts["cores"] >= facts["cores_usable"] >= 1
    assert facts["virtual_machine"] in {True, False, None}
    assert set(facts["libraries"]) >= {"torch", "onnxruntime", "codecarbon"}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_cores_follow_the_affinity() -> None:
    whole = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(whole)})
    try:
        assert cores_usable() == 1
    finally:
        os.sched_setaffinity(0, whole)


def test_facts_and_meter_do_without_torch() -> None:
    code = """
import sys
from greenai_core.energy.machine import environment
from greenai_core.energy.meter import EnergyMeter
environment(), EnergyMeter.from_settings().describe()
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
