"""The two edges of a window: every counter, read at one instant as far as that is possible."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from greenai_core.energy.charged import CLOCK
from greenai_core.energy.sources._base import PowerSource, Reading
from greenai_core.energy.sources.cputime import tree_cpu_s

_ELSEWHERE = ("idle", "iowait", "steal", "guest", "guest_nice")
"""Times that are not this machine's own work; user and nice hold the guests already."""


@dataclass(frozen=True)
class Edge:
    """Every counter at one instant: wall clock, own and all CPU-seconds, core-seconds stolen, and the sources."""

    wall_s: float
    cpu_s: float
    busy_s: float
    steal_s: float | None
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Span:
    """What passed between two edges; seconds."""

    wall_s: float
    cpu_s: float
    foreign_cpu_s: float
    steal_s: float | None


def opening(sources: Sequence[PowerSource]) -> Edge:
    """Read the first edge of a window, the sources last: what reading costs is not charged to the window."""
    with CLOCK.stopped():
        busy_s, steal_s = _machine()
        cpu_s, wall_s = tree_cpu_s(), time.perf_counter()
        return Edge(wall_s, cpu_s, busy_s, steal_s, _read(sources))


def closing(sources: Sequence[PowerSource]) -> Edge:
    """Read the last edge of a window, the sources first."""
    with CLOCK.stopped():
        readings = _read(sources)
        return Edge(time.perf_counter(), tree_cpu_s(), *_machine(), readings)


def between(start: Edge, end: Edge) -> Span:
    """Return what passed; CPU-seconds of others are those of the machine less our own."""
    cpu_s = max(0.0, end.cpu_s - start.cpu_s)
    stolen = None if start.steal_s is None or end.steal_s is None else end.steal_s - start.steal_s
    return Span(end.wall_s - start.wall_s, cpu_s, max(0.0, end.busy_s - start.busy_s - cpu_s), stolen)


def _read(sources: Sequence[PowerSource]) -> tuple[Reading, ...]:
    return tuple(source.read() for source in sources)


def _machine() -> tuple[float, float | None]:
    times = psutil.cpu_times()
    return sum(times) - sum(getattr(times, name, 0.0) for name in _ELSEWHERE), getattr(times, "steal", None)
