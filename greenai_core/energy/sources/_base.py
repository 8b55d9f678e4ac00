"""What a source of joules is: a counter of the hardware, or an estimate from what the operating system counts.

A source is read at both edges of a window and turns two readings into joules. It never guesses: what it cannot know
is None. Estimates by power x wall time are not offered: on a shared or virtual machine they charge a run for its
neighbours and for waiting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from greenai_core.record import EnergyKind

Reading = tuple[float, ...]
"""What a source reads: one number per counter, in the counter's own unit."""

Component = Literal["cpu", "gpu", "ram"]
Scope = Literal["cpu_package", "gpu_device", "process_tree"]


@dataclass(frozen=True)
class Probe:
    """Whether a source works here, and why or why not, in one sentence."""

    ok: bool
    reason: str


class PowerSource(Protocol):
    """One way of knowing joules; counters of packages and devices fit it as well as estimates do."""

    @property
    def id(self) -> str:
        """Short name that records and comparability keys carry."""
        ...

    @property
    def kind(self) -> EnergyKind:
        """How sure its joules are."""
        ...

    @property
    def component(self) -> Component:
        """The part of the machine whose joules these are."""
        ...

    @property
    def scope(self) -> Scope:
        """Whose joules these are: everything on the package or device, or this process and its children."""
        ...

    @property
    def constants(self) -> Mapping[str, float]:
        """Assumed constants that its joules are proportional to; figures with different constants do not compare."""
        ...

    @property
    def min_window_s(self) -> float:
        """Seconds below which its joules are flagged too_short; of CPU time for a process tree, else of wall time."""
        ...

    @property
    def leases(self) -> tuple[str, ...]:
        """What nobody else may be measuring meanwhile, or its joules are not ours alone; names for `energy.lease`."""
        ...

    def probe(self) -> Probe:
        """Try the source; a counter must be seen to advance."""
        ...

    def others(self) -> int | None:
        """Count the other processes that use what it counts; None where only CPU time can tell."""
        ...

    def read(self) -> Reading:
        """Read the counters now."""
        ...

    def joules(self, before: Reading, after: Reading) -> float | None:
        """Return the joules between two readings; None where they cannot be known, never 0 instead."""
        ...
