"""From counters to joules: what of all that the sources saw was the work's, and how sure that is.

A source that counts only this process tree needs no accounting. One that counts a whole package or device saw the
idle machine as well, which is subtracted, and whoever else was at work: where the work was alone the rest is its own
(measured), else the rest is shared out by CPU time (apportioned). A device's energy is not shared out, only flagged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from greenai_core.energy.edge import Span
from greenai_core.energy.idle import IdleBaseline
from greenai_core.energy.sources._base import PowerSource
from greenai_core.record import EnergyKind, least_sure

FOREIGN_LIMIT = 0.05
"""Share of the machine's core-seconds that others may use before a window is flagged shared_machine."""


@dataclass(frozen=True)
class Account:
    """The joules of a window, see `greenai_core.energy.window.Window` for its fields."""

    kind: EnergyKind
    components: dict[str, dict[str, Any]]
    gross_j: float | None
    idle_w: float | None
    idle_j: float | None
    net_j: float | None
    quality: tuple[str, ...]
    notes: dict[str, str] = field(default_factory=dict)


def account(
    sources: Sequence[PowerSource],
    joules: Sequence[float | None],
    span: Span,
    *,
    idle: IdleBaseline | None,
    exclusive: bool,
    strangers: Sequence[str] = (),
) -> Account:
    """Work out what of the joules that were counted was the work's.

    Args:
        sources: one per component of the machine.
        joules: what each of them counted; None is unknown.
        span: what passed meanwhile.
        idle: power of the idle machine; None: not known, and not subtracted.
        exclusive: whether the leases of all the sources were held.
        strangers: ids of the sources whose device others were seen to use.
    """
    shared = span.foreign_cpu_s > FOREIGN_LIMIT * span.wall_s * (psutil.cpu_count() or 1)
    alone = exclusive and not shared
    parts: dict[str, dict[str, Any]] = {
        source.component: _part(source, gross_j, span, idle, alone)
        for source, gross_j in zip(sources, joules, strict=True)
    }
    unknown = [source.id for source, gross_j in zip(sources, joules, strict=True) if gross_j is None]
    counters = [source for source in sources if source.scope != "process_tree"]
    idle_watts = [_idle_w(source, idle) for source in counters]
    idle_w = total(idle_watts) if counters else None
    devices = [source for source in counters if source.scope == "gpu_device"]
    flags = {
        "too_short": any(lasted(source, span) < source.min_window_s for source in sources),
        "shared_machine": shared,
        "shared_gpu": bool(devices) and (not exclusive or any(source.id in strangers for source in devices)),
        "no_idle": None in idle_watts,
    }
    return Account(
        kind=least_sure(part["kind"] for part in parts.values()) or "estimated",
        components=parts,
        gross_j=total(joules),
        idle_w=idle_w,
        idle_j=None if idle_w is None else idle_w * span.wall_s,
        net_j=total([part["net_j"] for part in parts.values()]),
        quality=tuple(name for name, raised in flags.items() if raised),
        notes={"gross_j": f"the counters of {', '.join(unknown)} cannot be read as joules"} if unknown else {},
    )


def lasted(source: PowerSource, span: Span) -> float:
    """Return how long a window was to a source: in CPU-seconds where it counts those, else in wall seconds."""
    return span.cpu_s if source.scope == "process_tree" else span.wall_s


def total(parts: Sequence[float | None]) -> float | None:
    """Return the sum; None if one part is unknown."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _part(
    source: PowerSource, gross_j: float | None, span: Span, idle: IdleBaseline | None, alone: bool
) -> dict[str, Any]:
    """Return one component's share of a window."""
    idle_w = _idle_w(source, idle)
    active_j = None if gross_j is None else gross_j - (idle_w or 0.0) * span.wall_s
    apportioned = source.scope == "cpu_package" and not alone
    busy_s = span.cpu_s + span.foreign_cpu_s
    share = span.cpu_s / busy_s if apportioned and busy_s > 0 else 1.0
    return {
        "source": source.id,
        "kind": least_sure([source.kind, "apportioned"]) if apportioned else source.kind,
        "scope": source.scope,
        "gross_j": gross_j,
        "idle_w": idle_w,
        "share": share,
        "net_j": None if active_j is None else active_j * share,
    }


def _idle_w(source: PowerSource, idle: IdleBaseline | None) -> float | None:
    if idle is None or source.scope == "process_tree":
        return None
    return idle.watts.get(source.id)
