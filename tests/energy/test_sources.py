"""CPU time as a source of joules: proportional to our work, and to nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from greenai_core.energy.sources import CpuTime, PowerSource, tree_cpu_s
from tests.energy.conftest import work

SLEEPER = """
import time
from greenai_core.energy.sources import CpuTime
source = CpuTime(4.0)
before = source.read()
time.sleep(0.4)
print(source.joules(before, source.read()))
"""
CHILD = "import sys\nsum(i * i for i in range(3_000_000))\nprint('done', flush=True)\nsys.stdin.read()"


def joules(source: PowerSource, fn: Callable[[], object]) -> float:
    before = source.read()
    fn()
    known = source.joules(before, source.read())
    assert known is not None
    return known


def test_doubled_work_costs_twice(size: int) -> None:
    source = CpuTime(4.0)
    once = joules(source, lambda: work(size))
    twice = joules(source, lambda: work(2 * size))
    assert twice == pytest.approx(2 * once, rel=0.25)


def test_sleeping_costs_nothing() -> None:
    """In a process of its own: other tests leave codecarbon's watching thread behind in this one."""
    asleep = subprocess.run([sys.executable, "-c", SLEEPER], check=True, capture_output=True, text=True)
    assert float(asleep.stdout) < 0.02 * 4.0 * 0.4


def test_same_work_costs_the_same_beside_a_busy_machine(size: int, burn: Callable[[], None]) -> None:
    source = CpuTime(4.0)
    alone = joules(source, lambda: work(size))
    for _ in range(3):
        burn()
    assert joules(source, lambda: work(size)) == pytest.approx(alone, rel=0.3)


def test_joules_are_proportional_to_the_watts(size: int) -> None:
    low, high = CpuTime(2.0), CpuTime(6.0)
    before, _, after = low.read(), work(size), low.read()
    known = low.joules(before, after)
    assert known is not None
    assert high.joules(before, after) == pytest.approx(3 * known)


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
