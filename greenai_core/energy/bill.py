"""What making a model costs, from what its stages cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from greenai_core.energy.carbon import NO_COUNTRY, Intensity
from greenai_core.record import EnergyKind, StageRecord, least_sure, with_teachers

NO_SOURCE = "no source of energy figures covers what did the work"


@dataclass(frozen=True)
class Bill:
    """Joules, grams and CPU-seconds of making a model from nothing; None is unknown, `notes` says why.

    `training_key` is the comparability key of the joules, None if the stages have different ones; `kind` says how sure
    they are: as sure as those of the least sure stage.
    """

    training_key: str | None
    kind: EnergyKind | None
    energy_j: float | None
    carbon_g: float | None
    cpu_s: float
    notes: dict[str, str] = field(default_factory=dict)


def bill(stages: Sequence[StageRecord], intensity: Intensity | None) -> Bill:
    """Add up each stage, and each stage of a teacher, once, at what it cost when it ran.

    Args:
        stages: of the whole recipe.
        intensity: of the grid; None: its country is not known.
    """
    parts = {part.key: part for part in with_teachers(stages)}.values()
    keys = {part.training_key for part in parts}
    key = keys.pop() if len(keys) == 1 else None
    kind = least_sure(part.window.get("kind") for part in parts)
    cpu_s = sum(part.cpu_s for part in parts)
    joules = [part.energy_j for part in parts if part.energy_j is not None]
    if key is None or len(joules) < len(parts):
        reason = NO_SOURCE if key else "its stages were trained on machines whose energies do not compare"
        return Bill(key, kind, None, None, cpu_s, {"energy_train_j": reason, "carbon_train_g": reason})
    if intensity is None:
        return Bill(key, kind, sum(joules), None, cpu_s, {"carbon_train_g": NO_COUNTRY})
    return Bill(key, kind, sum(joules), intensity.grams(sum(joules)), cpu_s)
