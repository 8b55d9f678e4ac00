"""One view of the trade-off: which runs a person asked for, which of them may be ranked, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from greenai_core.analysis.figures import FIGURES, Figure
from greenai_core.analysis.pareto import Front, fronts, lacking
from greenai_core.store import records
from greenai_core.wording import number

COSTS: dict[str, str] = {
    "Size": "size_bytes",
    "Training energy": "energy_train_j",
    "Inference energy": "energy_per_sample_j",
    "Latency": "latency_ms",
    "MACs": "macs",
}
"""The cost axes, by the words that stand in links."""

SPLITS: dict[str, str] = {"Validation": "accuracy_val", "Test": "accuracy"}
"""The accuracy axes, by the words that stand in links."""


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
    """A front to draw, the other groups that could be drawn instead, and how many runs are in none of them."""

    cost: Figure
    accuracy: Figure
    front: Front
    others: tuple[Front, ...]
    unknown: int

    @property
    def groups(self) -> tuple[Front, ...]:
        """Every group that could be drawn, the one drawn first."""
        return (self.front, *self.others)

    @property
    def kind(self) -> str | None:
        """How the energies of this view were obtained; None where the axes show no energy."""
        return self.front.keys.get(self.cost.kind_column) if self.cost.kind_column else None

    @property
    def subject(self) -> str:
        """One sentence on what is drawn."""
        own = int((self.front.table["origin"] == "own").sum())
        runs = number(len(self.front.table), "run")
        return f"{runs}, {own:,} of them your own; {int(self.front.mask.sum())} on the front."

    @property
    def left_out(self) -> str:
        """One sentence on the runs that are not drawn; empty where all are."""
        elsewhere = sum(len(front.table) for front in self.others)
        parts = []
        if elsewhere:
            parts.append(f"{number(elsewhere, 'run')} measured under other conditions ({_difference(self.groups)})")
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
    return View(FIGURES[objectives[1]], FIGURES[objectives[0]], shown, others, lacking(runs, objectives))


def name_of(front: Front) -> str:
    """Say where the runs of a group were measured, how their energy was obtained, and how many they are."""
    machine = records.load(str(front.table["run_id"].iloc[0])).environment
    processor = machine.get("cpu_model") or machine.get("processor_family") or "unknown processor"
    kinds = [value for key, value in front.keys.items() if key.endswith("_kind")]
    own = int((front.table["origin"] == "own").sum())
    return ", ".join([str(processor), *kinds, number(len(front.table), "run"), f"{own:,} your own"])


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


def _difference(groups: tuple[Front, ...]) -> str:
    drawn = groups[0].keys
    differing = [key for key in drawn if any(front.keys[key] != drawn[key] for front in groups[1:])]
    return ", ".join(dict.fromkeys(_CONDITIONS[key] for key in differing))
