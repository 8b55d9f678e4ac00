"""The path of one run: accuracy and a cost after each of its stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from greenai_core import units
from greenai_core.analysis.after_stage import MADE, Cost, Source, cost_after, own_energy
from greenai_core.analysis.figures import FIGURES, Figure, sign
from greenai_core.record import EnergyKind, Record

UPRIGHT = "accuracy_val"
"""The accuracy that is known after every stage: on the test split nobody looks before the end."""

ALWAYS = ("params", "energy_train_j", "cpu_s")
"""Costs that a record knows after most stages, in the order in which they stand in for one that it does not."""

PREDICTED = "predicted from the shapes of the untrained network"


@dataclass(frozen=True)
class Step:
    """Where a run stood after one of its stages.

    Attributes:
        name: place and technique.
        accuracy_val: in [0, 1]; None: unknown.
        cost: in the unit of the path's figure; None: unknown.
        source: where `cost` comes from.
        remark: whose it is, or why it is unknown; empty where the record itself holds it.
        energy_j: joules of this stage and of teachers that no stage before had; None: unknown.
        kind: how those were obtained.
    """

    name: str
    accuracy_val: float | None
    cost: float | None
    source: Source
    remark: str
    energy_j: float | None
    kind: EnergyKind | None

    @property
    def placed(self) -> bool:
        """Whether it has a place in a chart whose cost axis is logarithmic."""
        return self.accuracy_val is not None and self.cost is not None and self.cost > 0


@dataclass(frozen=True)
class Path:
    """The steps of one run, first to last, and what their cost is."""

    run_id: str
    seed: int
    cost: Figure
    steps: tuple[Step, ...]

    @property
    def placed(self) -> tuple[Step, ...]:
        """The steps that have a place in the chart."""
        return tuple(step for step in self.steps if step.placed)

    @property
    def unknown(self) -> tuple[int, ...]:
        """The places, from 0, of the stages whose cost is not known."""
        return tuple(place for place, step in enumerate(self.steps) if step.source == "unknown")


def path(record: Record, cost: Figure, runs: pd.DataFrame, predicted: Mapping[int, float] | None = None) -> Path:
    """Return where a run stood after each of its stages.

    Args:
        record: of a run that succeeded.
        cost: what the steps cost.
        runs: as of `greenai_core.analysis.after_stage.cost_after`.
        predicted: by the place of a stage from 0, the cost to take where none is known.
    """
    known = [cost_after(record, place, cost, runs) for place in range(len(record.stages))]
    filled = [
        Cost(predicted[place], "predicted", PREDICTED)
        if predicted and each.value is None and place in predicted
        else each
        for place, each in enumerate(known)
    ]
    return Path(
        record.run_id, record.seed, cost, tuple(_step(record, place, each) for place, each in enumerate(filled))
    )


def telling(found: Path, record: Record, runs: pd.DataFrame) -> Path:
    """Return a path, or where fewer than two of its stages have a place, that over the first of `ALWAYS` that moves.

    Args:
        found: a path of the record.
        record: its run.
        runs: as of `path`.
    """
    if len(found.placed) >= min(2, len(found.steps)):
        return found
    others = (path(record, FIGURES[name], runs) for name in ALWAYS)
    return next((other for other in others if len({step.cost for step in other.placed}) > 1), found)


def table(found: Path) -> pd.DataFrame:
    """Return one row per step, all as text: what it left behind, how that differs from the step before, its joules."""
    energy, cost = FIGURES["energy_train_j"], found.cost
    heading = f"{cost.title} so far" if cost.column in MADE else cost.title
    rows: list[dict[str, Any]] = []
    for before, step in zip([None, *found.steps], found.steps, strict=False):
        rows.append(
            {
                "Stage": step.name,
                "Validation accuracy": FIGURES[UPRIGHT].text(step.accuracy_val),
                "Change (points)": _points(before, step),
                heading: f"{'≈ ' if step.source == 'predicted' else ''}{cost.text(step.cost)}",
                "Change": _change(before, step),
                "Energy of the stage": f"{energy.text(step.energy_j)} {sign(step.kind)}".rstrip(),
                "Remark": step.remark,
            }
        )
    return pd.DataFrame(rows)


def _step(record: Record, place: int, cost: Cost) -> Step:
    stage, last = record.stages[place], place == len(record.stages) - 1
    energy_j, kind = own_energy(record.stages, place)
    return Step(
        name=f"{place + 1}. {stage.name}",
        accuracy_val=record.accuracy_val if last else stage.accuracy_val,
        cost=cost.value,
        source=cost.source,
        remark=cost.remark,
        energy_j=energy_j,
        kind=kind,
    )


def _points(before: Step | None, step: Step) -> str:
    if before is None or before.accuracy_val is None or step.accuracy_val is None:
        return ""
    return f"{(step.accuracy_val - before.accuracy_val) * 100:+.2f}"


def _change(before: Step | None, step: Step) -> str:
    if before is None or before.cost is None or step.cost is None:
        return ""
    return units.change(step.cost, before.cost)
