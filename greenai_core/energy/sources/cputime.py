"""CPU time as a source of joules: the estimate that every machine allows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from greenai_core.energy.charged import CLOCK
from greenai_core.energy.sources._base import Component, Probe, Reading, Scope
from greenai_core.record import EnergyKind

if sys.platform != "win32":
    import resource

_TASKS = Path("/proc/self/task")


@dataclass(frozen=True)
class CpuTime:
    """CPU-seconds of the own process tree times the assumed power of one busy core.

    Linear in the work, additive over processes and blind to neighbours, so it ranks models well; its absolute value
    is a convention (the constant is shown beside it). What it misses: memory, accelerators, frequency changes, and
    children that left the tree without being waited for.
    """

    w_per_core: float
    id: str = "cputime"
    kind: EnergyKind = "estimated"
    component: Component = "cpu"
    scope: Scope = "process_tree"
    min_window_s: float = 0.3
    leases: tuple[str, ...] = ()

    @property
    def constants(self) -> Mapping[str, float]:
        """Watts of one busy core."""
        return {"w_per_core": self.w_per_core}

    def probe(self) -> Probe:
        """Always works: every operating system counts CPU time."""
        return Probe(True, f"CPU-seconds of this process and its children x {self.w_per_core:g} W per core")

    def others(self) -> int | None:
        """None: nobody else is counted."""
        return None

    def read(self) -> Reading:
        """Read the CPU-seconds of the process tree, see `tree_cpu_s`."""
        return (tree_cpu_s(),)

    def joules(self, before: Reading, after: Reading) -> float | None:
        """Return CPU-seconds x watts; None if the count went back, as it does when a child leaves the tree."""
        cpu_s = after[0] - before[0]
        return cpu_s * self.w_per_core if cpu_s >= 0 else None


def tree_cpu_s() -> float:
    """Return the CPU-seconds (user and system) of this process, its finished children and its living descendants.

    What readings take is left out, see `greenai_core.energy.charged`. Where the operating system does not hand on the
    time of finished children (Windows), they are missing.
    """
    with CLOCK.stopped():
        while True:
            finished = _finished_children_cpu_s()
            living = _living_children_cpu_s()
            if finished == _finished_children_cpu_s():  # else a child ended in between: in neither sum, or in both
                return CLOCK.cpu_s() + finished + living


def _finished_children_cpu_s() -> float:
    if sys.platform == "win32":
        return 0.0
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _living_children_cpu_s() -> float:
    if not _has_children():
        return 0.0
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:  # ended since it was listed; its parent's count of finished children has it
            continue
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def _has_children() -> bool:
    """Tell whether this process has living children; on Linux without walking the process table (0.02 ms, not 0.6)."""
    try:
        return any((task / "children").read_bytes() for task in _TASKS.iterdir())
    except FileNotFoundError:  # not Linux, or a thread ended meanwhile
        return True
