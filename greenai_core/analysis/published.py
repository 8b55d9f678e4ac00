"""Figures published by others beside our own: matched by what was done, never by what came out."""

from __future__ import annotations

import pandas as pd

from greenai_core import wording
from greenai_core.store import records

SAME = ("dataset", "model", "technique")
"""Columns in which a run must equal a published row to stand beside it; and its sparsity, where one is printed."""

OURS = (
    "ours_accuracy",
    "ours_spread",
    "ours_size_bytes",
    "ours_params",
    "ours_seeds",
    "ours_recipe",
    "ours_origin",
)
"""Columns that `beside_ours` adds."""

_ALIKE = ("replicate_key", "quality_key")
"""Runs that agree in these differ in the seed alone."""


def points(published: pd.DataFrame, dataset: str, accuracy: str, cost: str) -> pd.DataFrame:
    """Return the published rows on `dataset` that state both columns; on the validation axis there are none."""
    if not {accuracy, cost} <= set(published.columns):
        return published.iloc[:0]
    return published[published["dataset"] == dataset].dropna(subset=[accuracy, cost])


def beside_ours(published: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Put the best of our recipes that match beside every published row.

    Only runs that differ in nothing but the seed are averaged. Of several such groups the one with the best mean
    validation accuracy is shown: never the one that comes closest to the print.

    Returns:
        The published rows with the columns `ours_accuracy` (test, mean over the seeds, in [0, 1]), `ours_spread`
        (standard deviation over the seeds), `ours_size_bytes`, `ours_params`, `ours_seeds` (how many; 0 where nothing
        matches), `ours_recipe` (in words) and `ours_origin` (own, bank, or both).
    """
    summaries = [_summary(_best(_matching(row, runs))) for row in published.to_dict("records")]
    return pd.concat([published.reset_index(drop=True), pd.DataFrame(summaries, columns=list(OURS))], axis=1)


def _matching(row: dict[str, object], runs: pd.DataFrame) -> pd.DataFrame:
    found = runs["status"] == "succeeded"
    for column in SAME:
        found &= runs[column] == row[column]
    if pd.notna(row["sparsity"]):
        found &= (runs["sparsity"] - row["sparsity"]).abs() < 1e-6
    return runs[found]


def _best(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the recipe, on one version of the data, whose mean validation accuracy is best."""
    known = runs.dropna(subset=["accuracy_val", *_ALIKE])
    if known.empty:
        return known
    best = _per_seed(known, [*_ALIKE, "seed"])["accuracy_val"].groupby(level=list(_ALIKE)).mean().idxmax()
    return known[(known[list(_ALIKE)] == pd.Series(best, index=list(_ALIKE))).all(axis=1)]


def _per_seed(runs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Average repeated runs of one seed (one here, one in the bank) first, so that every seed counts once."""
    return runs.groupby(by)[["accuracy_val", "accuracy", "size_bytes", "params"]].mean()


def _summary(runs: pd.DataFrame) -> dict[str, float | int | str]:
    seeds = _per_seed(runs, ["seed"])
    return {
        "ours_accuracy": seeds["accuracy"].mean(),
        "ours_spread": seeds["accuracy"].std(),
        "ours_size_bytes": seeds["size_bytes"].mean(),
        "ours_params": seeds["params"].mean(),
        "ours_seeds": len(seeds),
        "ours_recipe": wording.recipe(records.load(runs["run_id"].iloc[0]).recipe) if len(runs) else "",
        "ours_origin": " and ".join(sorted(runs["origin"].unique(), reverse=True)),
    }
