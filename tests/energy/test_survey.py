"""The survey of a machine: the best source that works, and the reason of each better one that does not."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.sources._base import PowerSource
from greenai_core.energy.survey import Survey, survey
from greenai_core.settings import ROOT, settings
from greenai_core.spec import Device
from tests.energy.fake_nvml import FakeGpu, FakeNvml
from tests.energy.powercap import FakePowercap

PAUSE = "greenai_core.energy.sources._counters.sleep"

UNPRIVILEGED = """
import json, os, sys
from dataclasses import asdict
from pathlib import Path
from greenai_core.energy.survey import survey
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
found = survey("cpu", watts_per_core=4.0, powercap_root=Path("."))
print(json.dumps({"chosen": [[s.id, s.kind] for s in found.chosen], "refused": [asdict(r) for r in found.refused]}))
"""


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)


def look(device: Device, root: Path) -> Survey:
    return survey(device, watts_per_core=4.0, powercap_root=root)


def names(sources: Sequence[PowerSource]) -> list[tuple[str, str]]:
    return [(source.id, source.kind) for source in sources]


def test_a_counter_that_works_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = FakePowercap(tmp_path)
    monkeypatch.setattr(PAUSE, lambda seconds: tree.advance(3))
    found = look("cpu", tmp_path)
    assert names(found.chosen) == [("rapl:package", "measured")]
    assert found.refused == ()


def test_a_frozen_counter_gives_way_to_the_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakePowercap(tmp_path, start_uj=0)
    monkeypatch.setattr(PAUSE, lambda seconds: None)
    found = look("cpu", tmp_path)
    assert names(found.chosen) == [("cputime", "estimated")]
    assert [(refused.id, refused.component) for refused in found.refused] == [("rapl:package", "cpu")]
    assert "does not advance" in found.refused[0].reason


@pytest.mark.skipif(sys.platform != "linux", reason="the system decides which sources could exist")
def test_a_tree_that_may_not_be_read_gives_way_to_the_estimate(tmp_path: Path) -> None:
    """In a process without root's rights; it stands in the tree, which a stranger need not be able to reach."""
    root = tmp_path / "tree"
    tree = FakePowercap(root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
    tree.counters["package-0"].chmod(0o000)
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["chosen"] == [["cputime", "estimated"]]
    [refused] = found["refused"]
    assert refused["id"] == "rapl:package"
    assert "intel-rapl:0/energy_uj may not be read by this user" in refused["reason"]
    assert "chmod a+r intel-rapl:*/energy_uj" in refused["reason"]


def test_no_tree_gives_way_to_the_estimate(tmp_path: Path) -> None:
    found = look("cpu", tmp_path / "powercap")
    assert names(found.chosen) == [("cputime", "estimated")]
    assert [refused.id for refused in found.refused] == ["rapl:package"]
    assert "virtual machines" in found.refused[0].reason
    assert str(tmp_path / "powercap") in found.refused[0].reason


def test_a_gpu_is_measured_beside_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu()
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(gpu))
    monkeypatch.setattr(PAUSE, lambda seconds: setattr(gpu, "millijoules", (gpu.millijoules or 0) + 1))
    found = look("cuda", tmp_path)
    assert names(found.chosen) == [("cputime", "estimated"), ("nvml:energy", "measured")]
    assert [refused.id for refused in found.refused] == ["rapl:package"]


def test_a_gpu_without_driver_has_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(driver=False))
    found = look("cuda", tmp_path)
    assert [source.component for source in found.chosen] == ["cpu"]
    assert [(refused.id, refused.component) for refused in found.refused][1:] == [("nvml:energy", "gpu")]


@pytest.mark.parametrize(
    ("system", "tried"),
    [("Linux", "rapl:package"), ("Windows", "codecarbon:windows_emi"), ("Darwin", "codecarbon:powermetrics")],
)
def test_only_sources_of_this_system_are_tried(
    system: str, tried: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(PAUSE, lambda seconds: None)
    assert {refused.id for refused in look("cpu", tmp_path).refused} <= {tried}
    monkeypatch.setattr(platform, "system", lambda: "Plan 9")
    assert look("cpu", tmp_path).refused == ()


def test_the_chip_of_a_mac_is_asked_for_its_gpu(tmp_path: Path) -> None:
    found = look("mps", tmp_path)
    asked = [source.id for source in found.chosen] + [refused.id for refused in found.refused]
    assert "codecarbon:powermetrics:gpu" in asked


def test_the_environment_can_name_another_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GREENAI_POWERCAP_ROOT", raising=False)
    assert settings().powercap_root == Path("/sys/class/powercap")
    monkeypatch.setenv("GREENAI_POWERCAP_ROOT", "/elsewhere")
    assert settings().powercap_root == Path("/elsewhere")


def test_a_graphics_card_is_told_of_even_where_the_processor_works() -> None:
    described = EnergyMeter.from_settings().describe()["graphics"]
    assert described["id"] in {"nvml:energy", "codecarbon:powermetrics:gpu"}
    assert described["reason"]
