"""The meter that is tested, and meters that are wrong: the proofs must tell them apart."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.sources._base import Component, PowerSource, Probe, Reading, Scope
from greenai_core.energy.sources.cputime import CpuTime
from greenai_core.record import EnergyKind


@dataclass(frozen=True)
class Mutant:
    """A source like CPU time in everything but its joules."""

    id: str = "mutant"
    kind: EnergyKind = "estimated"
    component: Component = "cpu"
    scope: Scope = "process_tree"
    constants: Mapping[str, float] = field(default_factory=dict)
    min_window_s: float = 0.0
    leases: tuple[str, ...] = ()

    def probe(self) -> Probe:
        return Probe(True, "a mutant")

    def others(self) -> int | None:
        return None


@dataclass(frozen=True)
class WallPower(Mutant):
    """Constant power x wall time."""

    def read(self) -> Reading:
        return (time.perf_counter(),)

    def joules(self, before: Reading, after: Reading) -> float | None:
        return 20.0 * (after[0] - before[0])


@dataclass(frozen=True)
class Dice(Mutant):
    """Random numbers, the same ones in each process: whether they are found out is no matter of luck."""

    chance: random.Random = field(default_factory=lambda: random.Random(0), compare=False)

    def read(self) -> Reading:
        return ()

    def joules(self, before: Reading, after: Reading) -> float | None:
        return self.chance.uniform(0.5, 10.0)


def _meter(source: PowerSource) -> EnergyMeter:
    return EnergyMeter([source], constants_origin="a test")


METERS: dict[str, Callable[[], EnergyMeter]] = {
    "cputime": lambda: _meter(CpuTime(4.0)),
    "wall": lambda: _meter(WallPower()),
    "dice": lambda: _meter(Dice()),
}
