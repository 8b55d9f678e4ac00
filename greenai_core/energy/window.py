"""What a measured window of work is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from greenai_core.record import EnergyKind

Status = Literal["ok", "aborted"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Energy of one piece of work, ready for a record. Joules, watts, seconds; None is unknown, `notes` says why.

    Attributes:
        schema: version of these fields.
        label: what was done.
        phase: train, prune, distill, quantize, infer, ...
        started_at: UTC, ISO 8601.
        status: aborted if an exception ended it; the figures are then of the part that was done.
        exclusive: the leases of all that was counted were held, see `greenai_core.energy.lease`.
        kind: how sure the joules are; as sure as the least sure component.
        source: ids of the sources, joined by "+".
        scope: whose joules they are, in the order of the sources, joined by "+".
        components: per component of the machine its source, kind, scope, gross_j, idle_w, share (of what remains
            without the idle part, by CPU time; 1 where nothing is shared out) and net_j.
        gross_j: everything the sources saw.
        idle_w: power of the idle machine within `gross_j`; None where it is not known (flag no_idle), and for CPU
            time, which holds no idle part.
        idle_age_s: seconds since `idle_w` was measured.
        idle_j: the idle part of `gross_j`.
        net_j: what the work itself cost: `gross_j` without the idle part and without the neighbours' share.
        wall_s: seconds from beginning to end.
        cpu_s: CPU-seconds of this process, its children included.
        foreign_cpu_s: CPU-seconds that everything else on this machine used meanwhile.
        steal_s: core-seconds that the hypervisor gave to other machines; None where it does not say.
        n_iter: repetitions of the work.
        units: how many of `unit` were processed.
        unit: what a unit is.
        j_per_unit: `net_j` per unit.
        quality: flags, each a reason to trust the figure less: too_short, shared_machine, shared_gpu, no_idle.
        config: the assumed constants, who chose them, and the limits of the flags.
        codecarbon: its opinion of the same window, see `greenai_core.energy.carbon.CrossCheck`.
        notes: why a field is None, by field.
    """

    schema: int = 2
    label: str
    phase: str
    started_at: str
    status: Status
    exclusive: bool
    kind: EnergyKind
    source: str
    scope: str
    components: dict[str, dict[str, Any]]
    gross_j: float | None
    idle_w: float | None
    idle_age_s: float | None
    idle_j: float | None
    net_j: float | None
    wall_s: float
    cpu_s: float
    foreign_cpu_s: float
    steal_s: float | None
    n_iter: int
    units: float | None
    unit: str | None
    j_per_unit: float | None
    quality: tuple[str, ...]
    config: dict[str, Any]
    codecarbon: dict[str, Any] | None
    notes: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return all fields as a JSON-ready dict."""
        return {**asdict(self), "quality": list(self.quality)}
