"""RAPL: the energy counters of Intel and AMD processors, as Linux shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from greenai_core.energy.sources._base import Component, Probe, Reading, Scope
from greenai_core.energy.sources._counters import advances, grown
from greenai_core.energy.sources._powercap import Domain, package_domains
from greenai_core.record import EnergyKind

ADVANCE_WITHIN_S = 0.25
JOULES_PER_MICROJOULE = 1e-6


@dataclass(frozen=True)
class Rapl:
    """Joules of all processor packages, whoever used them: our work, that of others, and idling.

    Memory outside the package, fans and losses of the power supply are not in it. A counter wraps around at 262 kJ on
    most Intel processors and at 66 kJ on many of AMD: after 22 and 5 minutes at 200 W. One wrap between two readings is
    made up for; a second one, and a counter that suspending the machine has reset, cannot be seen, so longer work
    must be read in between.

    Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, "Power and Thermal Management".
    """

    root: Path
    id: str = "rapl:package"
    kind: EnergyKind = "measured"
    component: Component = "cpu"
    scope: Scope = "cpu_package"
    constants: Mapping[str, float] = field(default_factory=dict)
    min_window_s: float = 2.0
    leases: tuple[str, ...] = ("cpu",)

    def probe(self) -> Probe:
        """Tell whether every package's counter can be read and advances; takes up to a quarter of a second."""
        if not self._domains:
            return Probe(
                False,
                f"no RAPL counter of a package lies in {self.root}, as is usual in virtual machines and containers",
            )
        for domain in self._domains:
            if reason := _why_unreadable(domain.counter):
                return Probe(False, reason)
        if not advances(self.read, ADVANCE_WITHIN_S):
            return Probe(
                False,
                f"a RAPL counter in {self.root} does not advance, as where a virtual machine only imitates it",
            )
        names = ", ".join(domain.name for domain in self._domains)
        return Probe(True, f"RAPL counters of {names}: everything that runs on the processor")

    def others(self) -> int | None:
        """None: the counters do not tell who used the processor; CPU time does."""
        return None

    def read(self) -> Reading:
        """Read the microjoules of each package; NaN where that fails."""
        return tuple(domain.microjoules() for domain in self._domains)

    def joules(self, before: Reading, after: Reading) -> float | None:
        """Return the joules of all packages, one wrap-around of each made up for; None if a reading failed."""
        ranges = (domain.range_uj for domain in self._domains)
        unwrapped = tuple(
            last + (range_uj if last < first else 0)
            for first, last, range_uj in zip(before, after, ranges, strict=True)
        )
        microjoules = grown(before, unwrapped)
        return None if microjoules is None else microjoules * JOULES_PER_MICROJOULE

    @cached_property
    def _domains(self) -> tuple[Domain, ...]:
        return package_domains(self.root)


def _why_unreadable(counter: Path) -> str | None:
    try:
        float(counter.read_text())
    except PermissionError:
        everyone = counter.parent.parent / "intel-rapl:*" / counter.name
        return (
            f"{counter} may not be read by this user (since Linux 5.10 only by root); an administrator can allow it "
            f"until the next start of the machine: chmod a+r {everyone}"
        )
    except (OSError, ValueError) as error:
        return f"{counter} cannot be read: {error}"
    return None
