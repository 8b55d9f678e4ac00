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
from greenai_core.analysis import pareto
from greenai_core.analysis.break_even import count
from greenai_core.analysis.figures import LIFETIME, Figure
from greenai_core.analysis.pareto import CHOSEN_BY, POINT, Front
from greenai_core.analysis.recost import Assumptions
from greenai_core.errors import BadInput
from greenai_core.record import least_sure
from greenai_core.spec import digest
from greenai_core.units import Quantity

SERVING: dict[str, str] = {"In batches": "energy_per_sample_j", "One by one": "energy_per_sample_b1_j"}
"""How predictions are served, and the column that holds the energy of one."""

MAKING = "energy_train_j"
COLUMN = LIFETIME.column
KEYS = ("quality_key", "training_key", "inference_key", "energy_train_kind", "energy_inference_kind")
"""What must be equal where lifetime energies are ranked: both parts of the sum, and what they were obtained by."""

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
    def figure(self) -> Figure:
        """How it is called and shown."""
        return replace(LIFETIME, title=f"{LIFETIME.title}, {count(self.predictions)} predictions")

    def served(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Return runs with the columns `lifetime_j`, `lifetime_key` and `lifetime_kind`, missing where a part is.

        The key is equal where both parts compare and were obtained by the same kinds; the kind is the less sure one.

        Args:
            runs: as of `greenai_core.store.records.table`.
        """
        lifetime = runs[MAKING] + self.predictions * runs[SERVING[self.serving]]
        of_run, known = pd.factorize(pd.MultiIndex.from_frame(runs[[*_PARTS]]))
        told = pd.DataFrame([_together(parts) for parts in known], columns=["lifetime_key", "lifetime_kind"])
        both = told.astype(object).iloc[of_run].set_axis(runs.index)
        return runs.assign(**{COLUMN: lifetime, **{name: both[name] for name in both}})

    def fronts(self, table: pd.DataFrame) -> list[Front]:
        """Group runs, or points, that agree in `KEYS`; find the front of validation accuracy and lifetime energy.

        Args:
            table: as of `greenai_core.store.records.table`, or as of `points`.

        Returns:
            Groups in the order of `greenai_core.analysis.pareto.fronts`; their tables have a further column
            `lifetime_j`. Rows of which one part is unknown are in none.
        """
        groups = pareto.fronts(table, [CHOSEN_BY, MAKING, SERVING[self.serving]])
        return [self._ranked(group) for group in groups]

    def _ranked(self, group: Front) -> Front:
        table = group.table.assign(
            **{COLUMN: group.table[MAKING] + self.predictions * group.table[SERVING[self.serving]]}
        )
        mask = pareto.front_mask(table[[CHOSEN_BY, COLUMN]].to_numpy(float), [True, False])
        return replace(group, objectives=(CHOSEN_BY, COLUMN), table=table, mask=mask)


def pick(front: Front, within: float = POINT) -> str:
    """Return the run_id of the least lifetime energy within `within` of the best validation accuracy of a front."""
    near = front.table[CHOSEN_BY] >= front.table[CHOSEN_BY].max() - within
    return str(front.table.loc[front.table.loc[near, COLUMN].idxmin(), "run_id"])


def points(runs: pd.DataFrame, serving: str = "In batches") -> pd.DataFrame:
    """Return one row per recipe: the means over its replicates, with their standard errors.

    Args:
        runs: as of `greenai_core.store.records.table`.
        serving: one of `SERVING`.

    Returns:
        The columns of `runs`, of the replicate that is most accurate on validation, but accuracies and the two energies
        are means. Further: `runs`, how many replicates; `train_se_j`, `per_sample_se_j`, `covariance_j2` as in `Costs`,
        missing where there is one replicate; `baseline`, the replicate_key of the dense recipe that has
        a run of the same model and seed, else of the most accurate dense one; missing for dense recipes and where there
        is none.
    """
    cost = SERVING[serving]
    ranked = runs["status"] == "succeeded"
    needed = runs.loc[ranked, [CHOSEN_BY, MAKING, cost, *KEYS, "accuracy", *_TELLING]].assign(
        row=np.flatnonzero(ranked)
    )
    known = needed.dropna(subset=[CHOSEN_BY, MAKING, cost, *KEYS])
    group = known.groupby(list(KEYS), sort=False).ngroup()
    which = known.groupby([group, "replicate_key"], sort=False).ngroup().to_numpy()
    size = np.bincount(which)
    means = {name: _sums(known[name], which) / size for name in (CHOSEN_BY, "accuracy", MAKING, cost)}
    train, sample = (known[name].to_numpy(float) - means[name][which] for name in (MAKING, cost))
    with np.errstate(invalid="ignore"):  # one replicate: 0 / 0, which is unknown
        products = [_sums(product, which) / (size * (size - 1)) for product in (train**2, sample**2, train * sample)]
    spread = {"train_se_j": np.sqrt(products[0]), "per_sample_se_j": np.sqrt(products[1]), "covariance_j2": products[2]}
    best_first = known[[*_TELLING, CHOSEN_BY, "row"]].assign(group=group, point=which)
    best_first = best_first.sort_values(CHOSEN_BY, ascending=False, kind="stable")
    best = best_first.drop_duplicates("point").sort_values("point", ignore_index=True)
    chosen = runs.iloc[best["row"]].reset_index(drop=True)
    return chosen.assign(**means, runs=size, **spread, baseline=_baselines(best, best_first))


def scale(assumptions: Assumptions) -> Scale:
    """Return what lifetimes are shown in under some assumptions.

    Grams of CO2 equivalent where a grid is assumed, else joules; both at the wall of the data centre (PUE). All models
    are scaled alike, so that neither moves a break-even.

    Raises:
        BadInput: there are no data for the assumed country, or for that year of it.
    """
    grid = assumptions.intensity()
    return (units.ENERGY, assumptions.pue) if grid is None else (units.CARBON, grid.grams(assumptions.pue))


_TELLING = ["replicate_key", "technique", "network", "seed"]


_PARTS = ("training_key", "inference_key", "energy_train_kind", "energy_inference_kind")


def _together(parts: tuple[Any, ...]) -> tuple[str | None, str | None]:
    """Return key and kind of a sum from those of its parts; None where one is unknown."""
    if any(pd.isna(part) for part in parts):
        return None, None
    return digest(list(parts)), least_sure([str(kind) for kind in parts[2:]])


def _sums(values: Any, which: np.ndarray) -> np.ndarray:
    return np.bincount(which, weights=np.asarray(values, dtype=float))


def _baselines(recipes: pd.DataFrame, best_first: pd.DataFrame) -> pd.Series:
    """Return the `baseline` of each recipe; `best_first` are their runs, the most accurate first."""
    dense = best_first[best_first["technique"] == "dense"].rename(columns={"replicate_key": "baseline"})
    alike = ["group", "network", "seed"]
    same = best_first[[*alike, "point"]].merge(dense.drop_duplicates(alike)[[*alike, "baseline"]], on=alike)
    found = recipes["point"].map(same.drop_duplicates("point").set_index("point")["baseline"]).astype(object)
    best = recipes["group"].map(dense.drop_duplicates("group").set_index("group")["baseline"])
    return found.fillna(best).where(recipes["technique"] != "dense")
