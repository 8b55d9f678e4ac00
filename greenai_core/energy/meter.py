"""The energy meter: joules of a piece of work, with how they were obtained and how sure they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from typing import Any, Self

import psutil

from greenai_core.energy import edge, idle
from greenai_core.energy.accounting import FOREIGN_LIMIT
from greenai_core.energy.benchmark import EnergyStats, benchmark
from greenai_core.energy.carbon import NO_COUNTRY, Codecarbon, Intensity, country_intensity
from greenai_core.energy.idle import IdleBaseline
from greenai_core.energy.lease import NOT_HELD, PATIENCE_S, PROCESSOR, held, lease
from greenai_core.energy.open_window import Basis, OpenWindow
from greenai_core.energy.sources._base import PowerSource
from greenai_core.energy.survey import Refused, graphics_counter, survey
from greenai_core.energy.window import Status
from greenai_core.record import EnergyKind, least_sure
from greenai_core.settings import settings
from greenai_core.spec import Device

IDLE_S = 5.0
"""How long the idle machine is watched before the first run that needs to know."""

IDLE_PATIENCE_S = 10.0
"""How long that waits for others who measure; a machine on which they do is not idle."""

NO_IDLE_PART = "the sources count only this process and its children, so there is no idle part to subtract"
NOT_CALIBRATED = "not measured yet; the first run does"


class EnergyMeter:
    """Measures windows of work, with one source per component of the machine."""

    def __init__(
        self,
        sources: Sequence[PowerSource],
        *,
        constants_origin: str,
        refused: Sequence[Refused] = (),
        country: str | None = None,
        codecarbon: Codecarbon | None = None,
        synchronize: Callable[[], object] = lambda: None,
    ) -> None:
        """Build a meter; `from_settings` is the usual way.

        Args:
            sources: at most one per component; each must work here.
            constants_origin: who chose the sources' constants, in words.
            refused: sources that were tried and do not work here.
            country: ISO 3166 alpha-3 code of the grid; None: carbon is refused.
            codecarbon: asked for a second opinion on windows; None: nobody is.
            synchronize: waits until the device has done all it was given; called at both edges of every window.

        Raises:
            BadInput: there is no carbon intensity for that country.
        """
        self.sources = tuple(sources)
        self.refused = tuple(refused)
        self.constants_origin = constants_origin
        self.intensity: Intensity | None = country_intensity(country)
        self._counters = tuple(source for source in self.sources if source.scope != "process_tree")
        self.idle: IdleBaseline | None = idle.remembered(self._counters) if self._counters else None
        self._idle_reason = NOT_CALIBRATED if self._counters else NO_IDLE_PART
        self._codecarbon = codecarbon
        self._synchronize = synchronize

    @classmethod
    def from_settings(cls, device: Device = "cpu") -> Self:
        """Build the meter that the environment asks for.

        Args:
            device: what does the work; a graphics card's joules are counted only where it does.

        Raises:
            BadInput: a setting is refused, see `greenai_core.settings` and `country_intensity`.
        """
        chosen = settings()
        given = "watts_per_core" in chosen.model_fields_set
        origin = "set by GREENAI_WATTS_PER_CORE" if given else "a convention; GREENAI_WATTS_PER_CORE changes it"
        found = survey(device, watts_per_core=chosen.watts_per_core, powercap_root=chosen.powercap_root)
        return cls(
            found.chosen,
            refused=found.refused,
            constants_origin=origin,
            country=chosen.country,
            codecarbon=_codecarbon_of_process(chosen.country),
            synchronize=_synchronize_of(device),
        )

    @property
    def kind(self) -> EnergyKind:
        """How sure joules can be here at best: as sure as the least sure source; a window may be less."""
        return least_sure(source.kind for source in self.sources) or "estimated"

    @property
    def source(self) -> str:
        """Ids of the sources, joined by "+"; part of every energy key, as is whether the idle part is subtracted."""
        ids = "+".join(source.id for source in self.sources)
        return ids if self.idle or not self._counters else f"{ids} (idle included)"

    @property
    def constants(self) -> Mapping[str, float]:
        """Assumed constants that the joules are proportional to; part of every energy key."""
        return {name: value for source in self.sources for name, value in source.constants.items()}

    @property
    def min_window_s(self) -> float:
        """Least length of a window that every source can measure, in the seconds that `benchmark` counts."""
        return max(source.min_window_s for source in self.sources)

    def counts(self, device: Device) -> bool:
        """Tell whether the joules of work on a device are among those that are counted."""
        return device == "cpu" or any(source.component == "gpu" for source in self.sources)

    def _wanted(self) -> tuple[str, ...]:
        """Return the names of the leases without which this meter's windows have company."""
        return tuple(sorted({PROCESSOR, *_leases(self.sources)}))

    def _basis(self, exclusive: bool) -> Basis:
        return Basis(self.sources, self.source, self.constants, self.constants_origin, self.idle, exclusive)

    def describe(self) -> dict[str, Any]:
        """Return, JSON-ready, what this machine can measure, how, and why not more.

        `sources` count for this meter's device; `graphics` tells what would count for a graphics card that trains.
        """
        graphics = graphics_counter()
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
            "graphics": {"id": graphics.id, **asdict(graphics.probe())},
            "refused": [asdict(source) for source in self.refused],
            "why_not_more": " ".join(f"{source.id}: {source.reason}" for source in self.refused),
            "constants": dict(self.constants),
            "constants_origin": self.constants_origin,
            "idle": {**asdict(self.idle), "age_s": self.idle.age_s} if self.idle else None,
            "idle_reason": None if self.idle else self._idle_reason,
            "carbon": {"intensity": carbon, "reason": None if carbon else NO_COUNTRY},
        }

    def warm_up(self) -> None:
        """Pay for codecarbon's detection of hardware (1-3 s) now, so that the first window does not."""
        if self._codecarbon is not None:
            self._codecarbon.warm_up()

    def prepare(self, tell: Callable[[str], object] = lambda _: None) -> None:
        """Make sure that the idle machine's power is known, where counters need it; before a run's first window.

        Args:
            tell: told what is done, if that takes seconds.
        """
        if self._counters and (self.idle is None or self.idle.age_s > idle.FRESH_S):
            tell("measuring the idle machine")
            self.calibrate_idle(IDLE_S)

    def calibrate_idle(self, seconds: float = 10.0) -> IdleBaseline | None:
        """Watch the counters while nobody works; returns their power, or None where it cannot be known.

        A baseline while somebody else measured, or used the processor, is not taken: `describe` says so. Where there
        is no older one either, windows include the idle part and are flagged no_idle.
        """
        if not self._counters:
            return None
        with lease(_leases(self._counters), IDLE_PATIENCE_S) as company:
            if company:
                self._idle_reason = company
                return None
            self._synchronize()
            start = edge.opening(self._counters)
            time.sleep(seconds)
            end = edge.closing(self._counters)
        span = edge.between(start, end)
        used = (span.cpu_s + span.foreign_cpu_s) / (span.wall_s * (psutil.cpu_count() or 1))
        watts = {
            source.id: joules / span.wall_s
            for source, a, b in zip(self._counters, start.readings, end.readings, strict=True)
            if (joules := source.joules(a, b)) is not None
        }
        if used > FOREIGN_LIMIT:
            self._idle_reason = f"{used:.0%} of the processor was in use while the idle machine was to be measured"
            return None
        if len(watts) < len(self._counters):
            self._idle_reason = "a counter could not be read while the idle machine was to be measured"
            return None
        self.idle = IdleBaseline(watts, time.time(), seconds)
        idle.remember(self._counters, self.idle)
        return self.idle

    @contextmanager
    def window(
        self,
        label: str,
        units: float | None = None,
        unit: str | None = None,
        *,
        exclusive: bool = False,
        phase: str = "other",
        cross_check: bool = True,
    ) -> Iterator[OpenWindow]:
        """Measure the body of a with statement; windows may be nested.

        The window is closed, with status aborted, when an exception leaves the body.

        Args:
            label: what is done.
            units: how many units are processed, if that is known now.
            unit: what a unit is, such as "image".
            exclusive: wait for the measuring lease of this machine (`greenai_core.energy.lease`); after `PATIENCE_S`
                the window is measured without. One that does not wait is exclusive within `alone`. Without the lease
                the joules of a counter of the whole processor are apportioned.
            phase: train, prune, distill, quantize, infer, ...
            cross_check: ask codecarbon as well. It takes 3 ms of CPU time per second and some at both edges, so
                windows of fractions of a second go without.
        """
        wanted = self._wanted()
        with lease(wanted if exclusive else (), PATIENCE_S) as company:
            alone = held(wanted)
            asked = self._codecarbon if cross_check else None
            checking = asked is not None and asked.start(label)
            self._synchronize()
            opened = OpenWindow(self._basis(alone), label, phase, units, unit)
            status: Status = "aborted"
            try:
                yield opened
                status = "ok"
            finally:
                self._synchronize()
                opened.end()
                check = asked.stop() if asked is not None and checking else None
                notes = {} if check else {"codecarbon": _why_silent(asked)}
                if self._counters and not alone:
                    notes["exclusive"] = company or NOT_HELD
                opened.close(status, check, notes)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the leases of what the counters count meanwhile, if they are free; nothing where CPU time is counted."""
        with lease(_leases(self.sources), 0.0):
            yield

    def benchmark(
        self,
        fn: Callable[[], object],
        units_per_call: float,
        *,
        label: str = "benchmark",
        unit: str = "call",
        min_window_s: float | None = None,
        repeats: int = 5,
        warmup_s: float = 1.0,
        max_total_s: float = 60.0,
    ) -> EnergyStats:
        """Repeat a short call in several windows until its joules are known well, or time is up.

        The measuring lease is held all the while. Windows are added while the 95 % interval is wider than
        `greenai_core.energy.benchmark.CI_LIMIT`.

        Args:
            fn: the call; it must have finished its work when it returns.
            units_per_call: units that one call processes.
            label: what is done.
            unit: what a unit is.
            min_window_s: least length of a window, in CPU-seconds of this process where CPU time is a source and in
                wall seconds where a counter is; None: `EnergyMeter.min_window_s`.
            repeats: least number of windows, unless `max_total_s` is over before.
            warmup_s: seconds of calls before the first window, at least one call.
            max_total_s: wall seconds, after the warm-up, in which all windows must fit; one is always measured.
        """
        least_s = self.min_window_s if min_window_s is None else min_window_s
        counts_cpu = len(self._counters) < len(self.sources)
        with lease(self._wanted(), PATIENCE_S):
            return benchmark(
                lambda: self.window(label, unit=unit, phase="infer", cross_check=False),
                fn,
                units_per_call,
                min_cpu_s=least_s if counts_cpu else 0.0,
                min_wall_s=least_s if self._counters else 0.0,
                repeats=repeats,
                warmup_s=warmup_s,
                max_total_s=max_total_s,
            )


@cache
def _codecarbon_of_process(country: str | None) -> Codecarbon:
    return Codecarbon(country)


def _leases(sources: Sequence[PowerSource]) -> tuple[str, ...]:
    return tuple(name for source in sources for name in source.leases)


def _synchronize_of(device: Device) -> Callable[[], object]:
    """Return what waits for a device; torch is loaded only where there is one to wait for."""
    if device == "cpu":
        return lambda: None
    import torch

    if device == "cuda":
        return torch.cuda.synchronize
    return torch.mps.synchronize


def _why_silent(asked: Codecarbon | None) -> str:
    if asked is None:
        return "not asked"
    return asked.reason or "asked for an enclosing window: its tasks do not nest"
