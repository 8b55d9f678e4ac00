"""Energy of making a model and of all the predictions it will ever serve: what runs rank by once they are used.

`energy_train_j` of a record is making the model from nothing, teacher and all stages included; `greenai_core.analysis.
break_even` says which question that answers. Energies of making and of serving are added only where both compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from greenai_core import units
from greenai_core.analysis import baseline, replicates
from greenai_core.analysis.break_even import Costs, count
from greenai_core.analysis.choice import Limits, judged_by
from greenai_core.analysis.figures import LIFETIME, Figure
from greenai_core.analysis.pareto import CHOSEN_BY, POINT, Front, front_mask, groups
from greenai_core.analysis.recost import Assumptions
from greenai_core.errors import BadInput
from greenai_core.record import least_sure
from greenai_core.spec import digest
from greenai_core.units import Quantity

SERVING: dict[str, str] = {"In batches": "energy_per_sample_j", "One by one": "energy_per_sample_b1_j"}
"""How predictions are served, and the column that holds the energy of one."""

MAKING = "energy_train_j"
COLUMN = LIFETIME.column
TOLD = (CHOSEN_BY, "accuracy", "f1_macro", "size_bytes", "latency_ms", MAKING, *SERVING.values())
"""The figures of a recipe: what it is ranked by, what people filter by, and what they limit."""

USUAL = 10.0**6
"""Predictions over a model's life where nobody said how many."""

LEAST, MOST = 10**3, 10**12
"""Fewest and most predictions over a model's life that are asked for."""

Scale = tuple[Quantity, float]
"""What lifetimes are shown in, and how much of it one joule of the computer is."""


@dataclass(frozen=True)
class Lifetime:
    """Lifetime energy as something to rank by: that of so many predictions, served in one of the ways of `SERVING`.

    Raises:
        BadInput: `predictions` is no number of predictions, or there is no such way of serving.
    """

    predictions: float
    serving: str = "In batches"

    def __post_init__(self) -> None:
        """Check the fields."""
        if not (math.isfinite(self.predictions) and self.predictions >= 0):
            raise BadInput(f"predictions: must be a number, 0 or more; got {self.predictions:g}.")
        if self.serving not in SERVING:
            raise BadInput(f"serving: {self.serving!r} is unknown; known: {', '.join(SERVING)}.")

    @property
    def served_so(self) -> str:
        """So many predictions, and how they are served: ``1 million predictions in batches``."""
        return f"{count(self.predictions)} predictions {self.serving.lower()}"

    @property
    def figure(self) -> Figure:
        """How it is called and shown."""
        return replace(LIFETIME, title=f"{LIFETIME.title}, {self.served_so}")

    def of(self, table: pd.DataFrame) -> pd.Series:
        """Return the joules over the life of each run, or recipe, of a table; NaN where a part is unknown."""
        return table[MAKING] + self.predictions * table[SERVING[self.serving]]

    def served(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return runs with the columns `lifetime_j`, `lifetime_key` and `lifetime_kind`, missing where a part is.

        The key is equal where both parts compare and were obtained by the same kinds; the kind is the less sure one.

        Args:
            runs: as of `greenai_core.store.records.table`.
        """
        of_run, known = pd.factorize(pd.MultiIndex.from_frame(runs[[*_PARTS]]))
        told = pd.DataFrame([_together(parts) for parts in known], columns=["lifetime_key", "lifetime_kind"])
        both = told.astype(object).iloc[of_run].set_axis(runs.index)
        return runs.assign(**{COLUMN: self.of(runs), **{name: both[name] for name in both}})

    def fronts(self, table: pd.DataFrame) -> list[Front]:
        """Group runs, or points, that may be ranked by both parts; find the front of validation accuracy and lifetime.

        Args:
            table: as of `greenai_core.store.records.table`, or as of `points`.

        Returns:
            Groups in the order of `greenai_core.analysis.pareto.groups`; their tables have a further column
            `lifetime_j`. Rows of which one part is unknown are in none.
        """
        return [self._front(keys, rows) for keys, rows in groups(table, _ranked_by(self.serving))]

    def _front(self, keys: dict[str, str], rows: pd.DataFrame) -> Front:
        ranked = rows.assign(**{COLUMN: self.of(rows)})
        mask = front_mask(ranked[[CHOSEN_BY, COLUMN]].to_numpy(float), [True, False])
        return Front(keys, (CHOSEN_BY, COLUMN), ranked, mask)


def pick(front: Front, limits: Limits, within: float = POINT) -> str | None:
    """Return the run_id of the least lifetime energy of those rows of a front that are accurate enough.

    Args:
        front: of `Lifetime.fronts`.
        limits: what the row must keep; those that do not, or of which that is unknown, count nowhere.
        within: how far below the best validation accuracy it may be.

    Returns:
        None where no row keeps the limits.
    """
    judged = judged_by(front, limits)
    feasible = judged[limits.kept(judged)]
    if feasible.empty:
        return None
    near = feasible[feasible[CHOSEN_BY] >= feasible[CHOSEN_BY].max() - within]
    return str(near.loc[near[COLUMN].idxmin(), "run_id"])


def points(runs: pd.DataFrame, serving: str = "In batches") -> pd.DataFrame:
    """Return one row per recipe and group of comparable runs.

    Args:
        runs: as of `greenai_core.store.records.table`.
        serving: one of `SERVING`.

    Returns:
        The columns of `greenai_core.analysis.replicates.points` of `TOLD`; further `costs`, the
        `greenai_core.analysis.break_even.Costs` of its seeds, and `baseline`, a replicate_key: that of
        `greenai_core.analysis.baseline`, else that of the most accurate dense recipe; missing for dense recipes and
        where there is none.
    """
    found = [_gathered(rows, SERVING[serving]) for _, rows in groups(runs, _ranked_by(serving))]
    return pd.concat(found or [_gathered(runs.iloc[:0], SERVING[serving])], ignore_index=True)


def alike(recipes: pd.DataFrame, front: Front) -> pd.DataFrame:
    """Return those of the recipes that compare with the ones of a front."""
    return recipes[(recipes[list(front.keys)] == pd.Series(front.keys)).all(axis=1)]


def scale(assumptions: Assumptions) -> Scale:
    """Return what lifetimes are shown in under some assumptions.

    Grams of CO2 equivalent where a grid is assumed, else joules; both at the wall of the data centre (PUE). All models
    are scaled alike, so that neither moves a break-even.

    Raises:
        BadInput: there are no data for the assumed country, or for that year of it.
    """
    grid = assumptions.intensity()
    return (units.ENERGY, assumptions.pue) if grid is None else (units.CARBON, grid.grams(assumptions.pue))


def terms(lifetime: Lifetime, assumptions: Assumptions) -> str:
    """Write what lifetimes hold for: ``1 million predictions in batches, PUE 1.5, 56 g CO2e per kWh (FRA)``.

    Raises:
        BadInput: as of `scale`.
    """
    grid = assumptions.intensity()
    building = f", PUE {assumptions.pue:g}" if assumptions.pue != 1 else ""
    carbon = f", {grid.g_per_kwh:g} g CO2e per kWh ({grid.country or grid.source})" if grid else ""
    return f"{lifetime.served_so}{building}{carbon}"


_PARTS = ("training_key", "inference_key", "energy_train_kind", "energy_inference_kind")
"""What must be equal where lifetime energies are ranked: where both parts compare, and how they were obtained."""


def _ranked_by(serving: str) -> list[str]:
    return [CHOSEN_BY, MAKING, SERVING[serving]]


def _together(parts: tuple[Any, ...]) -> tuple[str | None, str | None]:
    """Return key and kind of a sum from those of its parts; None where one is unknown."""
    if any(pd.isna(part) for part in parts):
        return None, None
    return digest(list(parts)), least_sure([str(kind) for kind in parts[2:]])


def _gathered(runs: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the points of comparable runs."""
    found = replicates.points(runs, TOLD)
    dense, own = found["technique"] == "dense", baseline.of(found)
    most_accurate = next(iter(found[dense].nlargest(1, CHOSEN_BY)["replicate_key"]), None)
    return found.assign(
        costs=_costs(replicates.by_seed(runs, [MAKING, cost])), baseline=own.where(own.notna() | dense, most_accurate)
    )


def _costs(by_seed: pd.DataFrame) -> list[Costs]:
    """Return the costs of each point, from those of its seeds."""
    seeds = list(zip(by_seed.index.get_level_values(1), *(by_seed[name] for name in by_seed), strict=True))
    ends = np.cumsum(np.bincount(by_seed.index.get_level_values(0))).tolist()
    return [Costs(tuple(seeds[start:end])) for start, end in zip([0, *ends], ends, strict=False)]
