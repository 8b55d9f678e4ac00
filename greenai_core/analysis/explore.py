"""One view of the trade-off: which runs a person asked for, which of them may be ranked, and what was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from greenai_core.analysis import machines
from greenai_core.analysis.comparable import Comparable, Mask, comparables, told
from greenai_core.analysis.figures import GRID, LIFETIME, Figure, figure
from greenai_core.analysis.lifetime import USUAL, Lifetime
from greenai_core.analysis.pareto import Front, lacking
from greenai_core.wording import number

COSTS: dict[str, str] = {
    "Size": "size_bytes",
    "Training energy": "energy_train_j",
    "Inference energy": "energy_per_sample_j",
    "Latency": "latency_ms",
    "MACs": "macs",
    "Params": "params",
    "Throughput": "throughput",
    "Batch-1 energy": "energy_per_sample_b1_j",
    "Carbon": "carbon_train_g",
    "CPU time": "cpu_s",
    "Lifetime energy": "lifetime_j",
}
"""The horizontal axes, by the words that stand in links; of throughput more is better."""

TERMS = ("lifetime_predictions", "lifetime_serving")
"""The columns that say what a lifetime energy is of: the fields of `greenai_core.analysis.lifetime.Lifetime`."""

SPLITS: dict[str, str] = {"Validation": "accuracy_val", "Test": "accuracy", "Macro F1 (test)": "f1_macro"}
"""The upright axes, by the words that stand in links."""


@dataclass(frozen=True)
class Filters:
    """What a person asked to see; an empty tuple asks for everything."""

    dataset: str
    cost: str = "Size"
    split: str = "Validation"
    models: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    sparsity: tuple[float, float] = (0.0, 1.0)
    temperatures: tuple[float, ...] = ()
    least_accuracy: float = 0.0
    bank: bool = True
    predictions: float = USUAL
    serving: str = Lifetime.serving

    @property
    def objectives(self) -> tuple[str, str]:
        """The figures on the axes, upright first."""
        return SPLITS[self.split], COSTS[self.cost]

    @property
    def source(self) -> Filters:
        """The same, narrowed by nothing but the data set and the origins: what `gather` asks for."""
        axes = self.dataset, self.cost, self.split
        return Filters(*axes, bank=self.bank, predictions=self.predictions, serving=self.serving)

    @property
    def lifetime(self) -> Lifetime:
        """What lifetime energy is of."""
        return Lifetime(self.predictions, self.serving)

    @property
    def terms(self) -> dict[str, Any]:
        """What lifetime energy is of, as values of the columns `TERMS`."""
        return dict(zip(TERMS, (self.predictions, self.serving), strict=True))

    @property
    def lasting(self) -> bool:
        """Whether the cost axis depends on how many predictions are served."""
        return LIFETIME.column in self.objectives

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the origins asked for, with their lifetime energies and what those are of."""
        chosen = table if self.bank else table[table["origin"] == "own"]
        return self.lifetime.served(chosen).assign(**self.terms)

    def axis(self, cost: str) -> Figure:
        """Return the figure of one of the `COSTS`."""
        wanted = figure(COSTS[cost])
        return self.lifetime.figure if wanted is LIFETIME else wanted

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the succeeded runs, or points, that match."""
        return table[self.matching(table)]

    def matching(self, table: pd.DataFrame) -> Mask:
        """Return which rows of a table of runs, or of points, match, as bools (n,).

        A run that removes nothing has sparsity 0: it stays as the baseline until the lower bound of `sparsity` is
        raised. A run that distils nothing has no temperature, and matches only where none is asked for.
        """
        low, high = self.sparsity
        chosen = (table["status"] == "succeeded") & (table["dataset"] == self.dataset)
        chosen &= table["sparsity"].between(low, high)
        if self.least_accuracy > 0:
            chosen &= table[SPLITS[self.split]] >= self.least_accuracy
        for column, wanted in (
            ("model", self.models),
            ("technique", self.techniques),
            ("temperature", self.temperatures),
        ):
            if wanted:
                chosen &= table[column].isin(wanted)
        if not self.bank:
            chosen &= table["origin"] == "own"
        return chosen.to_numpy(bool)


@dataclass(frozen=True, eq=False)
class Gathered:
    """All runs on a data set that could be drawn, and those that could not.

    Attributes:
        groups: comparable runs and their points.
        unknown: runs that lack a figure.
        unplaced: runs of which a cost is 0 or less, for which a logarithmic axis has no place.
    """

    groups: tuple[Comparable, ...]
    unknown: pd.DataFrame
    unplaced: pd.DataFrame


@dataclass(frozen=True, eq=False)
class View:
    """A front to draw, the other groups that could be drawn instead, and how many runs are in none of them.

    Attributes:
        cost: the horizontal axis.
        accuracy: the vertical axis.
        front: its table holds a row per point, as of `greenai_core.analysis.comparable.Comparable.front`.
        shown: the comparable runs, and the points that they are.
        others: what could be drawn instead.
        unknown: how many runs are in no group, since a figure of theirs is unknown.
        unplaced: how many are in none, since a cost of theirs is 0 or less.
    """

    cost: Figure
    accuracy: Figure
    front: Front
    shown: Comparable
    others: tuple[Comparable, ...]
    unknown: int
    unplaced: int

    @property
    def runs(self) -> pd.DataFrame:
        """The comparable runs that the points are made of."""
        return self.shown.runs

    @property
    def groups(self) -> dict[str, tuple[Mapping[str, str], pd.DataFrame]]:
        """The keys and the runs of every group that could be drawn, by its id, the one drawn first."""
        drawn = {self.front.id: (self.front.keys, self.runs)}
        return drawn | {group.id: (group.keys, group.runs) for group in self.others}

    @property
    def kind(self) -> str | None:
        """How the energies of this view were obtained; None where the axes show no energy."""
        return self.front.keys.get(self.cost.kind_column) if self.cost.kind_column else None

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that its points tell: `TOLD`, and those of its axes."""
        return told(self.front.objectives)

    @property
    def subject(self) -> str:
        """One sentence on what is drawn."""
        drawn, runs = number(len(self.front.table), "point"), number(len(self.shown.rows), "run")
        ties = int(self.front.table["tied"].sum())
        tied = f", {ties:,} tied with it" if ties else ""
        on_front = int(self.front.mask.sum())
        return f"{drawn} of {runs}, {self.shown.own:,} of them your own; {on_front} on the front{tied}."

    def runs_of(self, handles: Collection[str]) -> pd.DataFrame:
        """Return the runs of the points whose `run_id` is among `handles`, in the order of the table."""
        chosen = self.front.table["run_id"].isin(handles).to_numpy(bool)
        return self.shown.every.iloc[self.shown.rows[chosen[self.shown.of_run]]]

    @property
    def left_out(self) -> str:
        """One sentence on the runs that are not drawn; empty where all are."""
        elsewhere = sum(len(group.rows) for group in self.others)
        parts = []
        if elsewhere:
            parts.append(
                f"{number(elsewhere, 'run')} measured under other conditions ({_difference(self.front, self.others)})"
            )
        if self.unknown:
            figures = f"{self.cost.title.lower()} or {self.accuracy.title.lower()}"
            parts.append(f"{number(self.unknown, 'run')} whose {figures} is unknown")
        if self.unplaced:
            why = "a logarithmic axis has no place for it"
            parts.append(f"{number(self.unplaced, 'run')} with a cost of 0 or less ({why})")
        return f"Left out: {' and '.join(parts)}, which cannot be ranked against these." if parts else ""


def gather(table: pd.DataFrame, filters: Filters) -> Gathered:
    """Find everything that could be drawn on the data set, the axes and of the origins that `filters` name.

    `table` is as of `greenai_core.store.records.table`. Filters of the same `source` gather the same.
    """
    runs, wanted = filters.rows(table), (filters.objectives, filters.dataset)
    placed = has_place(runs, COSTS[filters.cost])
    drawable = runs[placed]
    return Gathered(tuple(comparables(drawable, *wanted)), lacking(drawable, *wanted), runs[~placed])


def has_place(runs: pd.DataFrame, *costs: str) -> Mask:
    """Return which runs have a place on logarithmic axes, as far as columns of theirs are known, as bools (n,)."""
    return (~(runs[list(costs)] <= 0).any(axis=1)).to_numpy(bool)


def view(gathered: Gathered, filters: Filters, group: str | None = None) -> View | None:
    """Choose what `filters` ask for; None where no run matches that could be drawn.

    Args:
        gathered: as of `gather` for these filters.
        filters: what to show.
        group: id of the comparable group to draw; the first one where there is no such group.
    """
    matching = [group.only(filters.matching) for group in gathered.groups]
    left = sorted((each for each in matching if len(each.points)), key=lambda each: (-each.own, -len(each.rows)))
    if not left:
        return None
    shown = next((each for each in left if each.id == group), left[0])
    front = shown.front()
    if filters.lasting:
        front = replace(front, table=front.table.assign(**filters.terms))
    return View(
        accuracy=figure(SPLITS[filters.split]),
        cost=filters.axis(filters.cost),
        front=front,
        shown=shown,
        others=tuple(each for each in left if each is not shown),
        unknown=int(filters.matching(gathered.unknown).sum()),
        unplaced=int(filters.matching(gathered.unplaced).sum()),
    )


def as_json(front: Front) -> dict[str, Any]:
    """Return keys, objectives and the points of a front of points, best first objective first.

    Each objective is a mean over the seeds; `NAME_low` and `NAME_high` are the ends of its 95 % interval and `on_front`
    the probability that nothing beats the point: None where one seed cannot tell.
    """
    first = figure(front.objectives[0])
    ordered = front.points.sort_values(first.column, ascending=not first.maximize, kind="stable")
    ends = [f"{name}{end}" for name in front.objectives for end in ("", "_low", "_high")]
    shown = ordered[[*_WHO, *ends, "on_front"]].astype(object)
    points = shown.where(shown.notna(), None).to_dict("records")
    return {
        "keys": front.keys,
        "objectives": list(front.objectives),
        "compared": len(front.table),
        "points": [{"run_ids": list(ids), **point} for ids, point in zip(ordered["run_ids"], points, strict=True)],
    }


_WHO = ("dataset", "model", "network", "technique", "sparsity", "temperature", "seeds")
"""What tells one point from another."""


def name_of(keys: Mapping[str, str], runs: pd.DataFrame) -> str:
    """Say where runs, or points, that agree in `keys` were measured, for which grid, how, and how many they are."""
    processors = machines.processors(runs, machines.columns_of(keys))
    grid = [f"{float(keys[GRID]):g} g/kWh"] if GRID in keys else []
    kinds = dict.fromkeys(value for key, value in keys.items() if key.endswith("_kind"))
    own = int((runs["origin"] == "own").sum())
    return ", ".join([" and ".join(processors), *grid, *kinds, number(len(runs), "run"), f"{own:,} your own"])


def choices(table: pd.DataFrame, column: str) -> list[str]:
    """Return the values of a column that a person may filter by, as words for links; the most frequent first."""
    values = table.loc[table["status"] == "succeeded", column].dropna()
    return [_word(value) for value in values.value_counts().index]


def _word(value: Any) -> str:
    """Write a value as short as it can be read back from: ``4``, ``3.3333333333333335``."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


_CONDITIONS = {
    "quality_key": "another version of the data",
    "training_key": "another machine or setting of training",
    "inference_key": "another machine or runtime",
    "lifetime_key": "another machine, setting or runtime",
    GRID: "another carbon intensity",
    "energy_train_kind": "another way of obtaining energy",
    "energy_inference_kind": "another way of obtaining energy",
    "lifetime_kind": "another way of obtaining energy",
}


def _difference(drawn: Front, others: Iterable[Comparable]) -> str:
    differing = [key for key, value in drawn.keys.items() if any(group.keys[key] != value for group in others)]
    return ", ".join(dict.fromkeys(_CONDITIONS[key] for key in differing))
