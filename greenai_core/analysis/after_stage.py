"""What a model had cost after one of its stages, as far as that is known.

A record holds the weights and the joules of every stage, but only the last stage leaves a file that is weighed and
timed. What a file costs after an earlier stage is known where another run ended there: the same spec, cut off after
that stage, with the same seed, measured under the same conditions. Nothing else stands in for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from greenai_core.analysis import grids
from greenai_core.analysis.figures import FIGURES, Figure
from greenai_core.energy.bill import bill
from greenai_core.energy.carbon import Intensity
from greenai_core.record import EnergyKind, Record, StageRecord, least_sure, with_teachers
from greenai_core.store.derived import derive

Source = Literal["record", "another run", "predicted", "unknown"]
"""Where a cost after a stage comes from."""

MADE = {"energy_train_j": "energy_j", "carbon_train_g": "carbon_g", "cpu_s": "cpu_s"}
"""Costs of making a model, which add up over the stages, and what `greenai_core.energy.bill.Bill` calls them."""


@dataclass(frozen=True)
class Cost:
    """A cost after a stage, in the unit of its figure; None: unknown. `remark` says whose it is, or why it is not."""

    value: float | None
    source: Source
    remark: str = ""


def cost_after(record: Record, place: int, cost: Figure, runs: pd.DataFrame) -> Cost:
    """Return what the model had cost after the stage at `place`, from 0.

    Args:
        record: of a run that succeeded.
        place: of the stage in the recipe.
        cost: the figure that is asked for.
        runs: all runs, as of `greenai_core.store.records.table`: one of them may have ended there.
    """
    if cost.column not in FIGURES:
        return Cost(None, "unknown", "no stage has it: it follows from several figures of a whole run")
    value, why = _recorded(record, place, cost.column)
    if value is not None:
        return Cost(value, "record")
    run = None if _is_last(record, place) else _ended_there(record, place, cost, runs)
    if run is not None:
        return Cost(float(run[cost.column]), "another run", f"of run {run['run_id']}, which ends here")
    return Cost(None, "unknown", why)


def own_energy(stages: Sequence[StageRecord], place: int) -> tuple[float | None, EnergyKind | None]:
    """Return the joules of a stage with those of teachers that no stage before had, and how they were obtained.

    Both are None where the joules of one of them are unknown.
    """
    paid = {part.key for part in with_teachers(stages[:place])}
    parts = {part.key: part for part in with_teachers([stages[place]]) if part.key not in paid}.values()
    known = [part.energy_j for part in parts if part.energy_j is not None]
    if len(known) < len(parts):
        return None, None
    return sum(known), least_sure(part.window.get("kind") for part in parts)


def spec_until(record: Record, place: int) -> dict[str, Any]:
    """Return the spec, in JSON form, of a run that ends after the stage at `place`."""
    return {**record.spec, "recipe": list(record.spec["recipe"][: place + 1])}


def beside(record: Record, cost: Figure, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of runs or points whose cost is known and was obtained as the record's."""
    alike = rows[cost.column].notna()
    if cost.key:
        alike &= rows[f"{cost.key}_key"] == getattr(record.comparability, cost.key, None)
    if cost.kind_column:
        alike &= rows[cost.kind_column] == getattr(record, cost.kind_column)
    if cost.grid_column:
        alike &= grids.per_kwh(rows) == grids.of(record)
    return rows[alike]


def _is_last(record: Record, place: int) -> bool:
    return place == len(record.stages) - 1


def _recorded(record: Record, place: int, column: str) -> tuple[float | None, str]:
    """Return what the record itself says about a stage, or None and why it does not."""
    if _is_last(record, place):
        return getattr(record, column), record.notes.get(column, "")
    if column in ("params", "nonzero_params"):
        return getattr(record.stages[place], column), record.notes.get(column, "")
    if column == "macs":  # a stage states those of the network that it was given
        return record.stages[place + 1].macs, record.notes.get(column, "")
    if column in MADE:
        stated = record.carbon_intensity
        costs = bill(record.stages[: place + 1], Intensity(**stated) if stated else None)
        return getattr(costs, MADE[column]), costs.notes.get(column, "")
    return None, "no comparable run of this seed ends here"


def _ended_there(record: Record, place: int, cost: Figure, runs: pd.DataFrame) -> pd.Series | None:
    """Return the newest run that ended after a stage and whose cost may stand beside the record's, None without one."""
    found = (runs["replicate_key"] == _replicate_key(spec_until(record, place))) & (runs["seed"] == record.seed)
    rows = beside(record, cost, runs[found & (runs["status"] == "succeeded")])
    return None if rows.empty else rows.iloc[0]


def _replicate_key(spec: dict[str, Any]) -> str:
    texts = {
        "recipe": json.dumps(spec["recipe"]),
        "spec": json.dumps(spec),
        "comparability": None,
        "measurements": None,
    }
    return str(derive(texts)["replicate_key"])
