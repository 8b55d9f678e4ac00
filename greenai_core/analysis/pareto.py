"""Which runs cannot be beaten, among those that can be compared at all.

Dominance is moocore's (https://multi-objective.github.io/moocore/python/), an O(n log n) sweep for up to three
objectives. What may be compared is decided by the comparability keys of the records, never by this module's reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np
import pandas as pd

from greenai_core.analysis import grids
from greenai_core.analysis.figures import GRID, Figure, figure
from greenai_core.spec import digest

POINT = 0.01
"""One percentage point of accuracy."""

BLOCK = 10_000
"""Rows of which the front is found at once; what leads a block competes with what leads the others. The sweep over all
rows at once leaves the caches: half as fast at a million."""

CHOSEN_BY = "accuracy_val"
"""Every choice is made on validation, whatever is shown: the test split can only tell once it has not been asked."""


@dataclass(frozen=True, eq=False)
class Front:
    """Runs that may be ranked against each other, and which of them no other run beats on every objective.

    `table` holds one row per comparable run; `mask` (n,) is True where the run is on the front. `keys` maps each
    column that had to be equal to the value that all rows share.
    """

    keys: dict[str, str]
    objectives: tuple[str, ...]
    table: pd.DataFrame
    mask: np.ndarray

    @property
    def id(self) -> str:
        """Six hex digits that name this group in links."""
        return group_id(self.keys)

    @property
    def points(self) -> pd.DataFrame:
        """The rows on the front."""
        return self.table[self.mask]


@dataclass(frozen=True)
class Pick:
    """A recipe worth naming, with means over its seeds.

    `reference` is what the most accurate comparable recipe has, `compared` how many there were. It was chosen by
    `accuracy_val`; `accuracy` (test; None if unknown) is only told. `run_id` is the newest of its runs.
    """

    run_id: str
    seeds: int
    figure: Figure
    value: float
    reference: float
    accuracy_val: float
    accuracy: float | None
    kind: str | None
    compared: int


def front_mask(values: np.ndarray, maximize: Sequence[bool]) -> np.ndarray:
    """Return which rows of `values` (n, k) no other row dominates, as a bool array (n,); equal rows stay together.

    Raises:
        ValueError: a value is NaN, or `maximize` does not have one entry per column.
    """
    values = np.ascontiguousarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(maximize):
        raise ValueError(f"expected an array (n, {len(maximize)}), got {values.shape}")
    if np.isnan(values).any():
        raise ValueError("an unknown value cannot be ranked; leave out rows with NaN")
    kept = np.concatenate(
        [
            start + np.flatnonzero(_mask(values[start : start + BLOCK], maximize))
            for start in range(0, len(values), BLOCK)
        ]
        or [np.zeros(0, dtype=int)]
    )
    mask = np.zeros(len(values), dtype=bool)
    mask[kept[_mask(values[kept], maximize)]] = True
    return mask


def _mask(values: np.ndarray, maximize: Sequence[bool]) -> np.ndarray:
    if len(values) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(values, maximise=list(maximize), keep_weakly=True), dtype=bool)


def group_id(keys: Mapping[str, str]) -> str:
    """Return six hex digits that name the runs which agree in `keys`."""
    return digest(dict(keys))[:6]


def groups(
    table: pd.DataFrame, objectives: Sequence[str], dataset: str | None = None
) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Group succeeded runs by what makes `objectives` comparable.

    Rows that lack an objective, or the key under which it may be compared, are in no group; `lacking` tells which.

    Args:
        table: as of `greenai_core.store.records.table`, or as of `greenai_core.analysis.replicates.points`.
        objectives: names of figures.
        dataset: only runs on this data set.

    Returns:
        (keys, rows) of each group: each column that had to be equal and the value that its rows share. Those with most
        runs of this store come first, then the larger ones.

    Raises:
        BadInput: an objective is unknown.
    """
    columns = _conditions(objectives)
    runs = _candidates(table, columns, dataset)
    complete = _where(runs, ~_unknown(runs, objectives, columns))
    if complete.empty:
        return []
    alike = complete.groupby(columns, sort=False) if columns else ()
    if len(alike) < 2:  # no copy of all rows
        alike = [(tuple(complete[columns].iloc[0]), complete)]
    found = [({column: str(value) for column, value in zip(columns, key, strict=True)}, rows) for key, rows in alike]
    return sorted(found, key=lambda group: (-_own(group[1]), -len(group[1]), group_id(group[0])))


def fronts(table: pd.DataFrame, objectives: Sequence[str], dataset: str | None = None) -> list[Front]:
    """Find the front of each group of `groups`, each objective in its own sense.

    Raises:
        BadInput: an objective is unknown.
    """
    maximize = [figure(name).maximize for name in objectives]
    return [
        Front(keys, tuple(objectives), rows, front_mask(rows[list(objectives)].to_numpy(float), maximize))
        for keys, rows in groups(table, objectives, dataset)
    ]


def lacking(table: pd.DataFrame, objectives: Sequence[str], dataset: str | None = None) -> pd.DataFrame:
    """Return the succeeded runs that are in no group because an objective or its key is unknown."""
    columns = _conditions(objectives)
    runs = _candidates(table, columns, dataset)
    return runs[_unknown(runs, objectives, columns)]


def most_accurate(points: pd.DataFrame) -> Pick | None:
    """Return the recipe that is most accurate on validation, None where that is known of none.

    `points` are comparable, as of `greenai_core.analysis.replicates.points`, with both accuracies.
    """
    judged = points.dropna(subset=[CHOSEN_BY])
    return None if judged.empty else _pick(judged.loc[judged[CHOSEN_BY].idxmax()], figure(CHOSEN_BY), judged)


def cheapest(points: pd.DataFrame, cost: str, within: float = POINT) -> Pick | None:
    """Return the recipe of least `cost` among those within `within` of the best validation accuracy.

    `points` are comparable, as of `greenai_core.analysis.replicates.points`, with both accuracies and the cost. None
    where the validation accuracy is known of none.
    """
    judged = points.dropna(subset=[CHOSEN_BY])
    if judged.empty:
        return None
    wanted, near = figure(cost), judged[judged[CHOSEN_BY] >= judged[CHOSEN_BY].max() - within]
    return _pick(near.loc[near[cost].idxmax() if wanted.maximize else near[cost].idxmin()], wanted, judged)


def _pick(chosen: pd.Series, wanted: Figure, compared: pd.DataFrame) -> Pick:
    best = compared.loc[compared[CHOSEN_BY].idxmax()]
    return Pick(
        run_id=chosen["run_id"],
        seeds=int(chosen["seeds"]),
        figure=wanted,
        value=float(chosen[wanted.column]),
        reference=float(best[wanted.column]),
        accuracy_val=float(chosen[CHOSEN_BY]),
        accuracy=None if pd.isna(chosen["accuracy"]) else float(chosen["accuracy"]),
        kind=str(chosen[wanted.kind_column]) if wanted.kind_column else None,
        compared=len(compared),
    )


def _own(rows: pd.DataFrame) -> int:
    return int((rows["origin"] == "own").sum())


def _candidates(table: pd.DataFrame, columns: Sequence[str], dataset: str | None) -> pd.DataFrame:
    """Return the succeeded runs with what they may have to agree in: grids are told only where they count."""
    chosen = table["status"] == "succeeded"
    if dataset is not None:
        chosen &= table["dataset"] == dataset
    found = _where(table, chosen)
    return found.assign(**{GRID: grids.per_kwh(found)}) if GRID in columns else found


def _unknown(runs: pd.DataFrame, objectives: Sequence[str], columns: Sequence[str]) -> pd.Series:
    """Tell which rows lack an objective or what they would have to agree in, as bools (n,)."""
    return runs[[*objectives, *columns]].isna().any(axis=1)


def _where(table: pd.DataFrame, chosen: pd.Series) -> pd.DataFrame:
    """Return the chosen rows; a copy of all of very many takes longer than their front."""
    return table.copy(deep=False) if chosen.all() else table[chosen]


def _conditions(objectives: Sequence[str]) -> list[str]:
    """Return the columns that must be equal where runs are ranked by `objectives`, each once."""
    return list(dict.fromkeys(column for name in objectives for column in figure(name).conditions))
