"""The energy meter: joules of a piece of work, with how they were obtained and how sure they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

import psutil

from greenai_core.energy.benchmark import EnergyStats, benchmark
from greenai_core.energy.carbon import NO_COUNTRY, Codecarbon, CrossCheck, Intensity, country_intensity
from greenai_core.energy.sources import CpuTime, PowerSource, Reading, tree_cpu_s
from greenai_core.energy.window import Status, Window
from greenai_core.record import EnergyKind
from greenai_core.settings import settings

FOREIGN_LIMIT = 0.05
"""Share of the machine's core-seconds that others may use before a window is flagged shared_machine."""

WHY_NOT_MORE = "Counters of the processor (RAPL) and of graphics cards (NVML) are not read: joules are estimated."

CERTAINTY: tuple[EnergyKind, ...] = ("estimated", "apportioned", "measured")
"""From least to most sure; a sum is as sure as its least sure part."""


@dataclass(frozen=True)
class _Edge:
    """Every counter at one instant."""

    wall_s: float
    cpu_s: float
    busy_s: float
    steal_s: float | None
    readings: tuple[Reading, ...]


class OpenWindow:
    """A window that is being measured; `closed` is the result."""

    def __init__(self, meter: EnergyMeter, label: str, phase: str, units: float | None, unit: str | None) -> None:
        self._meter = meter
        self._label, self._phase = label, phase
        self._units, self._unit, self._n_iter = units, unit, 1
        self._closed: Window | None = None
        self._started_at = datetime.now(UTC).isoformat()
        self._start = _edge(meter.sources)

    def joules_so_far(self) -> float | None:
        """Return the gross joules until now; cheap enough to ask several times a second."""
        return _total(_joules(self._meter.sources, self._start.readings, _read(self._meter.sources)))

    def count(self, n_iter: int, units: float) -> None:
        """Say how often the work was repeated and how many units that made, where it is known only afterwards."""
        self._n_iter, self._units = n_iter, units

    @property
    def closed(self) -> Window:
        """The result, once the window is closed.

        Raises:
            RuntimeError: it is still open.
        """
        if self._closed is None:
            raise RuntimeError(f"the energy window {self._label!r} is still open")
        return self._closed

    def _close(self, status: Status, end: _Edge, check: CrossCheck | None, notes: dict[str, str]) -> None:
        start, sources = self._start, self._meter.sources
        wall_s, cpu_s = end.wall_s - start.wall_s, max(0.0, end.cpu_s - start.cpu_s)
        foreign_cpu_s = max(0.0, end.busy_s - start.busy_s - cpu_s)
        joules = _joules(sources, start.readings, end.readings)
        gross_j = _total(joules)
        if gross_j is None:
            unknown = [source.id for source, known in zip(sources, joules, strict=True) if known is None]
            notes["gross_j"] = f"the counters of {', '.join(unknown)} went back"
        flags = {
            "too_short": any(_lasted(source, wall_s, cpu_s) < source.min_window_s for source in sources),
            "shared_machine": foreign_cpu_s > FOREIGN_LIMIT * wall_s * (psutil.cpu_count() or 1),
        }
        self._closed = Window(
            label=self._label,
            phase=self._phase,
            started_at=self._started_at,
            status=status,
            kind=self._meter.kind,
            source=self._meter.source,
            scope="+".join(source.scope for source in sources),
            components={
                source.component: {"source": source.id, "kind": source.kind, "scope": source.scope, "gross_j": known}
                for source, known in zip(sources, joules, strict=True)
            },
            gross_j=gross_j,
            idle_w=None,
            net_j=gross_j,
            wall_s=wall_s,
            cpu_s=cpu_s,
            foreign_cpu_s=foreign_cpu_s,
            steal_s=None if start.steal_s is None or end.steal_s is None else end.steal_s - start.steal_s,
            n_iter=self._n_iter,
            units=self._units,
            unit=self._unit,
            j_per_unit=gross_j / self._units if gross_j is not None and self._units else None,
            quality=tuple(name for name, raised in flags.items() if raised),
            config={
                **self._meter.constants,
                "constants_origin": self._meter.constants_origin,
                "foreign_limit": FOREIGN_LIMIT,
            },
            codecarbon=None if check is None else asdict(check),
            notes=notes,
        )


class EnergyMeter:
    """Measures windows of work, with one source per component of the machine."""

    def __init__(
        self,
        sources: Sequence[PowerSource],
        *,
        constants_origin: str,
        country: str | None = None,
        codecarbon: Codecarbon | None = None,
    ) -> None:
        """Build a meter; `from_settings` is the usual way.

        Args:
            sources: at most one per component; each must work here.
            constants_origin: who chose the sources' constants, in words.
            country: ISO 3166 alpha-3 code of the grid; None: carbon is refused.
            codecarbon: asked for a second opinion on windows; None: nobody is.

        Raises:
            BadInput: there is no carbon intensity for that country.
        """
        self.sources = tuple(sources)
        self.constants_origin = constants_origin
        self.intensity: Intensity | None = country_intensity(country)
        self._codecarbon = codecarbon

    @classmethod
    def from_settings(cls) -> Self:
        """Build the meter that the environment asks for.

        Raises:
            BadInput: a setting is refused, see `greenai_core.settings` and `country_intensity`.
        """
        chosen = settings()
        given = "watts_per_core" in chosen.model_fields_set
        origin = "set by GREENAI_WATTS_PER_CORE" if given else "a convention; GREENAI_WATTS_PER_CORE changes it"
        return cls(
            [CpuTime(chosen.watts_per_core)],
            constants_origin=origin,
            country=chosen.country,
            codecarbon=_codecarbon_of_process(chosen.country),
        )

    @property
    def kind(self) -> EnergyKind:
        """How sure the joules of a window are: as sure as its least sure source."""
        return min((source.kind for source in self.sources), key=CERTAINTY.index)

    @property
    def source(self) -> str:
        """Ids of the sources, joined by "+"; part of every energy key."""
        return "+".join(source.id for source in self.sources)

    @property
    def constants(self) -> Mapping[str, float]:
        """Assumed constants that the joules are proportional to; part of every energy key."""
        return {name: value for source in self.sources for name, value in source.constants.items()}

    def describe(self) -> dict[str, Any]:
        """Return, JSON-ready, what this machine can measure, how, and why not more."""
        carbon = self.intensity.as_json() if self.intensity else None
        return {
            "source": self.source,
            "kind": self.kind,
            "sources": [
                {
                    "id": source.id,
                    "kind": source.kind,
                    "component": source.component,
                    "scope": source.scope,
                    "min_window_s": source.min_window_s,
                    **asdict(source.probe()),
                }
                for source in self.sources
            ],
            "constants": dict(self.constants),
            "constants_origin": self.constants_origin,
            "why_not_more": WHY_NOT_MORE,
            "carbon": {"intensity": carbon, "reason": None if carbon else NO_COUNTRY},
        }

    def warm_up(self) -> None:
        """Pay for codecarbon's detection of hardware (1-3 s) now, so that the first window does not."""
        if self._codecarbon is not None:
            self._codecarbon.warm_up()

    @contextmanager
    def window(
        self,
        label: str,
        units: float | None = None,
        unit: str | None = None,
        *,
        phase: str = "other",
        cross_check: bool = True,
    ) -> Iterator[OpenWindow]:
        """Measure the body of a with statement; windows may be nested.

        The window is closed, with status aborted, when an exception leaves the body.

        Args:
            label: what is done.
            units: how many units are processed, if that is known now.
            unit: what a unit is, such as "image".
            phase: train, prune, distill, quantize, infer, ...
            cross_check: ask codecarbon as well. It takes 3 ms of CPU time per second and some at both edges, so
                windows of fractions of a second go without.
        """
        asked = self._codecarbon if cross_check else None
        checking = asked is not None and asked.start(label)
        opened = OpenWindow(self, label, phase, units, unit)
        status: Status = "aborted"
        try:
            yield opened
            status = "ok"
        finally:
            end = _edge(self.sources)
            check = asked.stop() if asked is not None and checking else None
            opened._close(status, end, check, {} if check else {"codecarbon": _why_silent(asked)})

    def benchmark(
        self,
        fn: Callable[[], object],
        units_per_call: float,
        *,
        label: str = "benchmark",
        unit: str = "call",
        min_window_s: float = 0.3,
        repeats: int = 5,
        warmup_s: float = 1.0,
        max_total_s: float = 60.0,
    ) -> EnergyStats:
        """Repeat a short call in several windows until its joules are known well, or time is up.

        Windows are added while the 95 % interval is wider than `greenai_core.energy.benchmark.CI_LIMIT`.

        Args:
            fn: the call; it must have finished its work when it returns.
            units_per_call: units that one call processes.
            label: what is done.
            unit: what a unit is.
            min_window_s: least length of a window, in CPU-seconds of this process.
            repeats: least number of windows, unless `max_total_s` is over before.
            warmup_s: seconds of calls before the first window, at least one call.
            max_total_s: wall seconds, after the warm-up, in which all windows must fit; one is always measured.
        """
        return benchmark(
            lambda: self.window(label, unit=unit, phase="infer", cross_check=False),
            fn,
            units_per_call,
            min_window_s=min_window_s,
            repeats=repeats,
            warmup_s=warmup_s,
            max_total_s=max_total_s,
        )


@cache
def _codecarbon_of_process(country: str | None) -> Codecarbon:
    return Codecarbon(country)


def _why_silent(asked: Codecarbon | None) -> str:
    if asked is None:
        return "not asked"
    return asked.reason or "asked for an enclosing window: its tasks do not nest"


def _edge(sources: Sequence[PowerSource]) -> _Edge:
    machine = psutil.cpu_times()
    elsewhere = ("idle", "iowait", "steal", "guest", "guest_nice")  # user and nice hold the guests already
    return _Edge(
        wall_s=time.perf_counter(),
        cpu_s=tree_cpu_s(),
        busy_s=sum(machine) - sum(getattr(machine, name, 0.0) for name in elsewhere),
        steal_s=getattr(machine, "steal", None),
        readings=_read(sources),
    )


def _read(sources: Sequence[PowerSource]) -> tuple[Reading, ...]:
    return tuple(source.read() for source in sources)


def _joules(sources: Sequence[PowerSource], before: Sequence[Reading], after: Sequence[Reading]) -> list[float | None]:
    return [source.joules(first, last) for source, first, last in zip(sources, before, after, strict=True)]


def _total(joules: Sequence[float | None]) -> float | None:
    known = [part for part in joules if part is not None]
    return sum(known) if len(known) == len(joules) else None


def _lasted(source: PowerSource, wall_s: float, cpu_s: float) -> float:
    return cpu_s if source.scope == "process_tree" else wall_s
