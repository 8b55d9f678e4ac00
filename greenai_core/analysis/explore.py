"""One view of the trade-off: which runs a person asked for, which of them may be ranked, and what was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from greenai_core.analysis import uncertainty
from greenai_core.analysis.figures import FIGURES, Figure
from greenai_core.analysis.pareto import Front, front_mask, fronts, lacking
from greenai_core.analysis.ranks import MOST_RANKED, ranks
from greenai_core.analysis.replicates import points
from greenai_core.store import records
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
}
"""The horizontal axes, by the words that stand in links; of throughput more is better."""

SPLITS: dict[str, str] = {"Validation": "accuracy_val", "Test": "accuracy", "Macro F1 (test)": "f1_macro"}
"""The upright axes, by the words that stand in links."""

ACCURACIES = ("accuracy_val", "accuracy")
TOLD = (*ACCURACIES, "size_bytes", "energy_train_j", "energy_per_sample_j", "latency_ms", "macs", "params")
"""The figures of a point, besides those that are drawn."""

MANY_POINTS, FEWER_DRAWS = 20_000, 200
"""From so many points on, their probabilities come from so many draws."""


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

    def apply(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the succeeded runs that match.

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
        return table[chosen]


@dataclass(frozen=True, eq=False)
class View:
    """A front to draw, the other groups that could be drawn instead, and how many runs are in none of them.

    Attributes:
        cost: the horizontal axis.
        accuracy: the vertical axis.
        front: its table holds a row per point, `greenai_core.analysis.replicates.points` of `runs`, with the columns
            `rank` (1 is the front, 2 the front without it, and so on; None of very many points), `on_front`
            (probability that nothing beats the point, NaN where no point has two seeds) and `tied`.
        runs: the comparable runs that the points are made of.
        others: what could be drawn instead; their tables hold a row per run.
        unknown: how many runs are in no group.
    """

    cost: Figure
    accuracy: Figure
    front: Front
    runs: pd.DataFrame
    others: tuple[Front, ...]
    unknown: int

    @property
    def groups(self) -> dict[str, tuple[Front, pd.DataFrame]]:
        """Every group that could be drawn and its runs, by its id, the one drawn first."""
        return {self.front.id: (self.front, self.runs)} | {front.id: (front, front.table) for front in self.others}

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
        own = int((self.runs["origin"] == "own").sum())
        drawn, runs = number(len(self.front.table), "point"), number(len(self.runs), "run")
        ties = int(self.front.table["tied"].sum())
        tied = f", {ties:,} tied with it" if ties else ""
        return f"{drawn} of {runs}, {own:,} of them your own; {int(self.front.mask.sum())} on the front{tied}."

    def runs_of(self, handles: Collection[str]) -> pd.DataFrame:
        """Return the runs of the points whose `run_id` is among `handles`, in the order of the table."""
        chosen = self.front.table[self.front.table["run_id"].isin(handles)]
        return self.runs[self.runs["replicate_key"].isin(chosen["replicate_key"])]

    @property
    def left_out(self) -> str:
        """One sentence on the runs that are not drawn; empty where all are."""
        elsewhere = sum(len(front.table) for front in self.others)
        parts = []
        if elsewhere:
            parts.append(
                f"{number(elsewhere, 'run')} measured under other conditions ({_difference(self.front, self.others)})"
            )
        if self.unknown:
            figures = f"{self.cost.title.lower()} or {self.accuracy.title.lower()}"
            parts.append(f"{number(self.unknown, 'run')} whose {figures} is unknown")
        return f"Left out: {' and '.join(parts)}, which cannot be ranked against these." if parts else ""


def view(table: pd.DataFrame, filters: Filters, group: str | None = None) -> View | None:
    """Find what `filters` ask for; None where no run matches that could be drawn.

    Args:
        table: as of `greenai_core.store.records.table`.
        filters: what to show.
        group: id of the comparable group to draw; the first one where there is no such group.
    """
    objectives = [SPLITS[filters.split], COSTS[filters.cost]]
    runs = filters.apply(table)
    groups = fronts(runs, objectives)
    if not groups:
        return None
    shown = next((front for front in groups if front.id == group), groups[0])
    others = tuple(front for front in groups if front is not shown)
    accuracy, cost = FIGURES[objectives[0]], FIGURES[objectives[1]]
    return View(
        accuracy=accuracy,
        cost=cost,
        front=replicated(shown),
        runs=shown.table,
        others=others,
        unknown=lacking(runs, objectives),
    )


def told(objectives: Iterable[str]) -> tuple[str, ...]:
    """Return the figures that points tell which are ranked by `objectives`, each once."""
    return tuple(dict.fromkeys([*TOLD, *objectives]))


def replicated(front: Front) -> Front:
    """Return a front of runs as one of points: runs that differ in nothing but the seed are one, at their means.

    Its table is as described in `View`.
    """
    objectives = list(front.objectives)
    table = points(front.table, told(objectives))
    maximize = [FIGURES[name].maximize for name in objectives]
    values, low, high = (
        table[[f"{name}{end}" for name in objectives]].to_numpy(float) for end in ("", "_low", "_high")
    )
    draws = FEWER_DRAWS if len(table) > MANY_POINTS else uncertainty.DRAWS
    certain = table.assign(
        rank=ranks(values, maximize) + 1 if len(table) <= MOST_RANKED else None,
        on_front=uncertainty.probabilities(table, objectives, draws=draws),
        tied=uncertainty.tied(values, low, high, maximize),
    )
    return replace(front, table=certain, mask=front_mask(values, maximize))


def as_json(front: Front) -> dict[str, Any]:
    """Return keys, objectives and the points of a front as of `replicated`, best first objective first.

    Each objective is a mean over the seeds; `NAME_low` and `NAME_high` are the ends of its 95 % interval and `on_front`
    the probability that nothing beats the point: None where one seed cannot tell.
    """
    first = FIGURES[front.objectives[0]]
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


_WHO = ("dataset", "model", "technique", "sparsity", "temperature", "seeds")
"""What tells one point from another."""


def name_of(front: Front, runs: pd.DataFrame) -> str:
    """Say where the runs of a group were measured, how their energy was obtained, and how many they are."""
    machine = records.load(str(runs["run_id"].iloc[0])).environment
    processor = machine.get("cpu_model") or machine.get("processor_family") or "unknown processor"
    kinds = [value for key, value in front.keys.items() if key.endswith("_kind")]
    own = int((runs["origin"] == "own").sum())
    return ", ".join([str(processor), *kinds, number(len(runs), "run"), f"{own:,} your own"])


def choices(table: pd.DataFrame, column: str) -> list[str]:
    """Return the values of a column that a person may filter by, as words for links; the most frequent first."""
    values = table.loc[table["status"] == "succeeded", column].dropna()
    return [f"{value:g}" if isinstance(value, float) else str(value) for value in values.value_counts().index]


_CONDITIONS = {
    "quality_key": "another version of the data",
    "training_key": "another machine or setting of training",
    "inference_key": "another machine or runtime",
    "energy_train_kind": "another way of obtaining energy",
    "energy_inference_kind": "another way of obtaining energy",
}


def _difference(drawn: Front, others: Iterable[Front]) -> str:
    differing = [key for key, value in drawn.keys.items() if any(front.keys[key] != value for front in others)]
    return ", ".join(dict.fromkeys(_CONDITIONS[key] for key in differing))
