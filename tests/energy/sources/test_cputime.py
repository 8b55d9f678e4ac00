"""CPU time as a source of joules; `tests.energy.test_proofs` has what follows from it for the meter."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from greenai_core.energy.sources import cputime
from greenai_core.energy.sources.cputime import CpuTime, cpu_s_between, tree_cpu_s
from tests.energy.workload import work

CHILD = "import sys\nsum(i * i for i in range(3_000_000))\nprint('done', flush=True)\nsys.stdin.read()"


def test_joules_are_proportional_to_the_watts(size: int) -> None:
    low, high = CpuTime(2.0), CpuTime(6.0)
    before, _, after = low.read(), work(size), low.read()
    known = low.joules(before, after)
    assert known is not None
    assert known > 0
    assert high.joules(before, after) == pytest.approx(3 * known)


def test_reading_is_not_charged_to_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for children takes some machines as long as a small piece of work."""
    clock = 100.0

    def slow_look() -> float:
        nonlocal clock
        clock += 0.5
        return 0.0

    monkeypatch.setattr(cputime, "_living_children_cpu_s", slow_look)
    monkeypatch.setattr(cputime.time, "process_time", lambda: clock)
    source = CpuTime(4.0)
    before = source.read()
    clock += 2.0
    assert source.joules(before, source.read()) == pytest.approx(4.0 * 2.0)


def test_children_count_while_they_live_and_after_they_end() -> None:
    before = tree_cpu_s()
    own = time.process_time()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living = cpu_s_between(before, tree_cpu_s()) - (time.process_time() - own)
        child.communicate()
    ended = cpu_s_between(before, tree_cpu_s()) - (time.process_time() - own)
    assert living > 0.05
    assert ended == pytest.approx(living, abs=0.1)


def test_a_count_that_goes_back_is_unknown() -> None:
    assert CpuTime(4.0).joules((5.0, 5.0), (4.0, 4.0)) is None


def test_probe_says_what_is_assumed() -> None:
    probe = CpuTime(3.5).probe()
    assert probe.ok
    assert "3.5 W per core" in probe.reason
