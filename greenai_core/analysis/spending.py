"""Where the joules of the runs stored here went: by what came of them, by stage, technique and data set.

What a run spent (`energy_spent_j`) is all that it took: the stages that it carried out itself, and a rest for reading
data, looking at the validation accuracy, evaluation, export and measuring. So the parts add up to the whole, in
whichever way they are told apart. Joules that were obtained in different ways are never added up: a run counts, with
all its parts, under the kind of its whole.

What the prefix cache saved is no part of that: stages that a run took from the cache, at what they cost when they ran,
each once per run that took it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from greenai_core.analysis.figures import figure, sign
from greenai_core.analysis.pareto import CHOSEN_BY, front_mask, groups
from greenai_core.analysis.replicates import points
from greenai_core.units import ENERGY
from greenai_core.wording import number

REST = "evaluation, export, measuring"
UNTOLD = "stages of unknown energy, and the rest"
"""The rest of a run that cannot say what one of its stages took."""

FRONT = (CHOSEN_BY, "size_bytes")
"""What the front is of that a run reaches or not."""

REACHED, BEATEN, UNRANKED = "on the front", "beaten", "not ranked"
OUTCOMES: dict[str, str] = {
    REACHED: "into runs on the front",
    BEATEN: "into runs that never reached it",
    UNRANKED: "into runs that cannot be ranked",
    "failed": "into runs that failed",
    "aborted": "into runs that were aborted",
}
"""What can come of a run, as it stands in a sentence."""

QUESTIONS: dict[str, str] = {"Outcome": "outcome", "Stage": "stage", "Technique": "technique", "Data set": "dataset"}
"""What the joules are told apart by, and the column of `Spending.parts`."""

LEAST_SURE = "estimated"
AT_LEAST = {"measured": "apportioned", "apportioned": "apportioned"}
"""How sure the whole of a run is at least, where its stages are so sure and its own kind was not stored."""

_KEYS = [*QUESTIONS.values(), "kind"]
_SUMS = ["spent_j", "saved_j", "stages", "runs"]


@dataclass(frozen=True, eq=False)
class Spending:
    """The joules of the runs of a store.

    Attributes:
        parts: a row per combination of `QUESTIONS` and `kind`, with the sums `spent_j` and `saved_j`, and counts:
            `stages` (runs that carried out this stage) and `runs` (each told once, with its rest).
        unknown: runs whose energy is unknown; nothing of them is in `spent_j`.
        untold: stages taken from the cache whose energy is unknown; they are not in `saved_j`.
    """

    parts: pd.DataFrame
    unknown: int
    untold: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """How the joules were obtained, each kind once, the one with most joules first."""
        sums = self.parts.groupby("kind")[["spent_j", "saved_j"]].sum()
        return tuple(sums.sort_values(["spent_j", "saved_j"], ascending=False).index)

    def by(self, column: str) -> pd.DataFrame:
        """Tell the joules apart by one of the columns of `QUESTIONS`.

        Returns:
            `name`, `kind`, `spent_j`, `share` (of all joules of that kind, in [0, 1]), `runs` (that it is part of) and
            `saved_j`, the most joules first; what has several kinds has several rows.
        """
        counted = "stages" if column == "stage" else "runs"
        told = self.parts.groupby([column, "kind"], sort=False, as_index=False)[["spent_j", "saved_j", counted]].sum()
        told = told.rename(columns={column: "name", counted: "runs"})
        whole = told.groupby("kind")["spent_j"].transform("sum")
        told.insert(3, "share", (told["spent_j"] / whole).where(whole != 0))
        return told.sort_values(["spent_j", "saved_j"], ascending=False, kind="stable", ignore_index=True)


def spending(table: pd.DataFrame, outlays: pd.DataFrame) -> Spending:
    """Add up what the runs of a store spent, and what the prefix cache saved them.

    Where the kind of a whole was not stored (older records), it is the least sure one that it can be.

    Args:
        table: as of `greenai_core.store.records.table`.
        outlays: as of `greenai_core.store.records.outlays`: only the runs in it count.
    """
    runs = table.merge(outlays, on="run_id")
    made = runs["energy_train_kind"]
    kind = runs["energy_spent_kind"].fillna(made.map(AT_LEAST)).fillna(LEAST_SURE)
    ran, cached = _stages(runs["outlay"])
    spent = _spent(runs["energy_spent_j"].to_numpy(float), ran)
    spent["kind"] = kind.to_numpy(object)[spent["run"]]
    saved = cached.dropna(subset="saved_j")
    saved = saved.assign(kind=saved["kind"].fillna(saved["run"].map(made)).fillna(LEAST_SURE))
    parts = pd.concat([spent, saved], ignore_index=True)
    facts = runs[["dataset", "technique"]].assign(outcome=_outcomes(runs)).iloc[parts.pop("run").to_numpy(int)]
    parts = pd.concat([facts.reset_index(drop=True), parts], axis=1)
    parts[_SUMS] = parts.reindex(columns=_SUMS).fillna(0.0)
    summed = parts.groupby(_KEYS, sort=False, as_index=False)[_SUMS].sum()
    counts = {"stages": "int64", "runs": "int64"}
    return Spending(summed.astype(counts), int(runs["energy_spent_j"].isna().sum()), len(cached) - len(saved))


def answer(found: Spending, kind: str) -> str:
    """Say where the joules of one kind went, and what the cache saved."""
    mine = found.parts[found.parts["kind"] == kind]
    spent, saved, runs = float(mine["spent_j"].sum()), float(mine["saved_j"].sum()), int(mine["runs"].sum())
    cache = f"The prefix cache saved {'another ' if runs else ''}{ENERGY.text(saved)}." if saved else ""
    if not runs:
        return f"No run's whole energy is {kind}, but stages are that were not repeated. {cache}"

    def part(joules: float) -> str:
        share = f"{joules / spent:.0%}" if spent and abs(joules / spent) >= 0.01 else "under 1%"
        return f"{ENERGY.text(joules)} ({share})".replace("%", " %")

    told = mine[mine["runs"] > 0]["outcome"].unique()
    sums = mine.groupby("outcome")["spent_j"].sum()
    *others, last = [f"{part(sums[name])} went {words}" for name, words in OUTCOMES.items() if name in told]
    went = f"{', '.join(others)} and {last}" if others else last
    rest = float(mine.loc[mine["stage"] == REST, "spent_j"].sum())
    return (
        f"Of {ENERGY.text(spent)} spent by {number(runs, 'run')} stored here, {went}. "
        f"What is no stage, mostly evaluation, export and measuring, took {part(rest)}. {cache}"
    ).strip()


def shown(rows: pd.DataFrame, heading: str) -> pd.DataFrame:
    """Return rows of `Spending.by` as a table for people: one unit, stated in the headings, four significant digits."""
    unit = ENERGY.common_unit(rows.loc[rows["spent_j"] > 0, "spent_j"])

    def scaled(column: str) -> list[float]:
        return [float(f"{joules / unit.size:.4g}") for joules in rows[column]]

    return pd.DataFrame(
        {
            heading: rows["name"],
            f"Spent ({unit.name})": scaled("spent_j"),
            "How": rows["kind"].map(sign),
            "Share (%)": (rows["share"] * 100).round(1),
            "Runs": rows["runs"],
            f"Saved by the cache ({unit.name})": scaled("saved_j"),
        }
    )


def _outcomes(runs: pd.DataFrame) -> pd.Series:
    """Return what came of each run: one of `OUTCOMES`.

    Points are ranked as on the Explore page: the runs of a recipe are one point, at the means over its seeds, among all
    points on the same version of a data set.
    """
    outcome = runs["status"].where(runs["status"] != "succeeded", UNRANKED)
    maximize = [figure(name).maximize for name in FRONT]
    for _, alike in groups(runs, FRONT):
        recipes = points(alike, FRONT)
        best = recipes.loc[front_mask(recipes[list(FRONT)].to_numpy(float), maximize), "replicate_key"]
        outcome.loc[alike.index] = np.where(alike["replicate_key"].isin(best), REACHED, BEATEN)
    return outcome


def _stages(outlays: Iterable[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what the stages that ran took (run, stage, spent_j), and what the cache gave (run, stage, kind, saved_j).

    `run` is the place of the run; joules that are unknown are NaN.
    """
    told = list(enumerate(json.loads(f"[{','.join(outlays)}]")))  # one text of many is read far faster than many
    ran = [(run, *stage) for run, one in told for stage in one["ran"]]
    cached = [(run, *stage) for run, one in told for stage in one["cached"]]
    return (
        pd.DataFrame(ran, columns=["run", "stage", "spent_j"]).astype({"run": int, "spent_j": float}),
        pd.DataFrame(cached, columns=["run", "stage", "kind", "saved_j"]).astype({"run": int, "saved_j": float}),
    )


def _spent(whole: np.ndarray, ran: pd.DataFrame) -> pd.DataFrame:
    """Return run, stage, spent_j, stages and runs: of runs of known energy the stages, each name once, and the rest.

    Args:
        whole: joules of each run (n,), NaN where they are unknown.
        ran: as of `_stages`.
    """
    known = np.flatnonzero(~np.isnan(whole))
    ran = ran[ran["run"].isin(known)]
    stages = ran.dropna().groupby(["run", "stage"], sort=False, as_index=False)["spent_j"].sum()
    taken = stages.groupby("run")["spent_j"].sum().reindex(known, fill_value=0.0)
    untold = np.isin(known, ran.loc[ran["spent_j"].isna(), "run"])
    names = np.where(untold, UNTOLD, REST)
    rest = pd.DataFrame({"run": known, "stage": names, "spent_j": whole[known] - taken.to_numpy(), "runs": 1})
    return pd.concat([stages, rest], ignore_index=True).assign(stages=1)
