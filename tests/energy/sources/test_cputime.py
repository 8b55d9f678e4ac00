"""CPU time as a source of joules; `tests.energy.test_proofs` has what follows from it for the meter."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from greenai_core.energy import charged
from greenai_core.energy.sources import cputime
from greenai_core.energy.sources.cputime import CpuTime, tree_cpu_s
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
    for name in ("process_time", "thread_time"):
        monkeypatch.setattr(charged.time, name, lambda: clock)
    monkeypatch.setattr(cputime, "CLOCK", charged._Clock())
    source = CpuTime(4.0)
    before = source.read()
    clock += 2.0
    source.read()  # of a window within, or of another thread
    assert source.joules(before, source.read()) == pytest.approx(4.0 * 2.0)


def test_what_others_do_while_one_thread_reads_is_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the process goes on for the other threads."""
    clocks = {"process_time": 10.0, "thread_time": 1.0}
    monkeypatch.setattr(charged.time, "process_time", lambda: clocks["process_time"])
    monkeypatch.setattr(charged.time, "thread_time", lambda: clocks["thread_time"])
    clock = charged._Clock()
    with clock.stopped():
        clocks["thread_time"] += 0.25
        clocks["process_time"] += 0.25 + 0.5
        assert clock.cpu_s() == pytest.approx(10.5)
    assert clock.cpu_s() == pytest.approx(10.5)


def test_children_count_while_they_live_and_after_they_end() -> None:
    before = tree_cpu_s()
    own = time.process_time()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living = tree_cpu_s() - before - (time.process_time() - own)
        child.communicate()
    ended = tree_cpu_s() - before - (time.process_time() - own)
    assert living > 0.05
    assert ended == pytest.approx(living, abs=0.1)


def test_a_count_that_goes_back_is_unknown() -> None:
    assert CpuTime(4.0).joules((5.0,), (4.0,)) is None


def test_probe_says_what_is_assumed() -> None:
    probe = CpuTime(3.5).probe()
    assert probe.ok
    assert "3.5 W per core" in probe.reason
