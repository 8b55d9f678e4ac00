"""The recipes of a group, ranked by lifetime energy, each beside the baseline it has to pay back against.

A baseline need not be among what is ranked: a filter that leaves it out changes what is looked at, not what the others
have to pay back against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from greenai_core import units
from greenai_core.analysis.break_even import BreakEven, Costs, break_even, count
from greenai_core.analysis.choice import Limits
from greenai_core.analysis.latex import SPECIAL
from greenai_core.analysis.lifetime import COLUMN, Lifetime, Scale, pick
from greenai_core.analysis.pareto import CHOSEN_BY, Front
from greenai_core.errors import BadInput
from greenai_core.units import Quantity

METHOD = (
    "Values are means over the seeds. Break-evens compare making and serving a recipe with making and serving its "
    "baseline instead, seed by seed as far as both have the same seeds; the intervals are Fieller's."
)
"""What an exported table says of its figures."""


@dataclass(frozen=True)
class Contender:
    """One recipe, beside its baseline.

    `rank` is by lifetime energy, 1 the least; None: it is not ranked, but the baseline of another one. `dense`: it is
    only trained. `baseline` is the name of another contender; None: it is dense itself, or nothing dense is comparable.
    """

    run_id: str
    name: str
    dense: bool
    rank: int | None
    seeds: int
    accuracy_val: float
    accuracy: float | None
    costs: Costs
    lifetime_j: float
    on_front: bool
    picked: bool
    baseline: str | None
    break_even: BreakEven | None


def contenders(
    front: Front,
    lifetime: Lifetime,
    recipes: pd.DataFrame,
    limits: Limits,
    *,
    against: str | None = None,
    most: int = 100,
) -> tuple[Contender, ...]:
    """Return the recipes of a front, the one that is picked, the `most` cheapest and the baselines, cheapest first.

    Args:
        front: of `lifetime.fronts`, of some of the recipes.
        lifetime: what it was ranked by.
        recipes: of `greenai_core.analysis.lifetime.alike`; those of the front, and the others that may be baselines.
        limits: what the one that is picked must keep.
        against: replicate_key of the baseline of all; None: each has its own.
        most: how many besides the front.

    Raises:
        BadInput: `against` is none of the recipes.
    """
    told = recipes.assign(**{COLUMN: lifetime.of(recipes)})[[*_TOLD, "replicate_key"]]
    ordered = told.sort_values(COLUMN, kind="stable").set_index("replicate_key")
    if against is not None:
        if against not in ordered.index:
            raise BadInput(f"against: {against!r} cannot be compared with these; choose one that is measured alike.")
        ordered = ordered.assign(baseline=against)
    ranked = ordered.index.isin(front.table["replicate_key"])
    ordered = ordered.assign(
        rank=np.where(ranked, ranked.cumsum(), np.nan),
        on_front=ordered.index.isin(front.points["replicate_key"]),
        picked=ordered["run_id"] == pick(front, limits),
    )
    kept = ordered[ordered["on_front"] | ordered["picked"] | (ordered["rank"] <= most)]
    kept = ordered[ordered.index.isin({*kept.index, *kept["baseline"].dropna()})]
    called, costs = names(kept), dict(kept["costs"])
    return tuple(_contender(key, row, called, costs) for key, row in zip(kept.index, _rows(kept), strict=True))


def baselines(recipes: pd.DataFrame, most: int = 100) -> dict[str, str]:
    """Return the dense recipes that the others may be held against, by replicate_key, the most accurate ones first.

    Args:
        recipes: of `greenai_core.analysis.lifetime.points`, comparable ones.
        most: how many at most.
    """
    dense = recipes.loc[recipes["technique"] == "dense", [*_NAMING, "replicate_key", CHOSEN_BY]]
    return names(dense.nlargest(most, CHOSEN_BY).set_index("replicate_key"))


def names(table: pd.DataFrame) -> dict[str, str]:
    """Return a short name per replicate_key, the index of `table`; where two would be called alike, the key tells."""
    called = {key: _name(row) for key, row in zip(table.index, _rows(table[_NAMING]), strict=True)}
    alike = pd.Series(list(called.values()), dtype=object).duplicated(keep=False)
    return {
        key: f"{name} ({key[:4]})" if twin else name for (key, name), twin in zip(called.items(), alike, strict=True)
    }


def telling(shown: tuple[Contender, ...], most: int) -> tuple[Contender, ...]:
    """Return at most `most` of the contenders: the one picked, then those of the front, each after its baseline."""
    by_name = {one.name: one for one in shown}
    wanted = sorted((one for one in shown if one.picked or one.on_front), key=lambda one: not one.picked)
    both = [one for each in wanted for one in (by_name.get(each.baseline or ""), each) if one is not None]
    return tuple(dict.fromkeys(both))[:most]


def answer(shown: Sequence[Contender], predictions: float, scale: Scale, limits: Limits) -> str:
    """Say which recipe is recommended for so many predictions, and what its baseline would take.

    Args:
        shown: of `contenders`, one of them picked.
        predictions: which they were ranked by.
        scale: what to show the lifetimes in.
        limits: which the one that is picked keeps.
    """
    quantity, per_joule = scale
    one = next(each for each in shown if each.picked)
    unit = quantity.unit_for(one.lifetime_j * per_joule)

    def text(joules: float) -> str:
        return f"{units.significant(joules * per_joule / unit.size)} {unit.name}"

    served = text(one.costs.per_sample_j * predictions)
    within = " and within the limits" if limits.bounds else ""
    said = (
        f"For {count(predictions)} predictions{within}, {one.name} takes least among those within 1 point of the best "
        f"validation accuracy: {text(one.lifetime_j)}, of which {served} for serving."
    )
    baseline = next((each for each in shown if each.name == one.baseline), None)
    if baseline is None or one.break_even is None:
        return f"{said} {_without_baseline(one, shown)}"
    return (
        f"{said} Its baseline, {baseline.name}, takes {text(baseline.lifetime_j)} "
        f"(difference {units.change(one.lifetime_j, baseline.lifetime_j)}); against it, it {one.break_even.text} "
        f"(95 %: {one.break_even.sure})."
    )


def table(shown: Sequence[Contender], scale: Scale, terms: str = "") -> pd.DataFrame:
    """Return one row per recipe, the least lifetime first; each energy has one unit, in its heading.

    Args:
        shown: of `contenders`.
        scale: what to show the lifetimes in.
        terms: what they hold for, as of `greenai_core.analysis.lifetime.terms`, for their heading.
    """
    quantity, per_joule = scale
    held = f", {terms}" if terms else ""
    columns: dict[str, Any] = {
        "Rank": pd.array([one.rank for one in shown], dtype="Int64"),
        "Recipe": [one.name for one in shown],
        "Recommended": ["yes" if one.picked else "" for one in shown],
        "On the front": ["yes" if one.on_front else "" for one in shown],
        **_column("Lifetime", [one.lifetime_j * per_joule for one in shown], quantity, held),
        "Break-even": [one.break_even.text if one.break_even else "" for one in shown],
        "95 % interval": [one.break_even.sure if one.break_even else "" for one in shown],
        "Paired seeds": pd.array([one.break_even.pairs if one.break_even else None for one in shown], dtype="Int64"),
        "Baseline": [one.baseline or "" for one in shown],
        **_column("Making", [one.costs.train_j * per_joule for one in shown], quantity),
        **_column("One prediction", [one.costs.per_sample_j * per_joule for one in shown], quantity),
        "Validation (%)": [round(one.accuracy_val * 100, 2) for one in shown],
        "Test (%)": [None if one.accuracy is None else round(one.accuracy * 100, 2) for one in shown],
        "Seeds": [one.seeds for one in shown],
    }
    return pd.DataFrame(columns)


def latex(shown: Sequence[Contender], scale: Scale, terms: str) -> str:
    """Return `table` as a ``tabular`` in booktabs style; a footnote says what the lifetimes hold for."""
    frame = table(shown, scale).drop(columns=["Rank", "Recommended", "On the front"]).astype(object)
    written = frame.map(lambda value: value.translate(SPECIAL) if isinstance(value, str) else value)
    headed = written.rename(columns=lambda name: name.translate(SPECIAL))
    footnote = f"Lifetimes are of making the model and of {terms}. {METHOD}".translate(SPECIAL)
    return rf"{headed.to_latex(index=False, na_rep='--')}\par\footnotesize {footnote}" + "\n"


def remarks(shown: Sequence[Contender]) -> list[str]:
    """Return what a reader of `table` needs to know besides, in sentences."""
    seeds = {one.name: one.seeds for one in shown}
    said = []
    if any(one.rank is None for one in shown):
        said.append("Baselines without a rank are not among what the filters leave.")
    if any(one.break_even and 0 < one.break_even.pairs < max(one.seeds, seeds[one.baseline or ""]) for one in shown):
        said.append(
            "A break-even is of the seeds that a recipe and its baseline have in common. Where one of them has others, "
            "it may lie beside the crossing of their lines, which are means over all seeds of each."
        )
    return said


def _without_baseline(one: Contender, shown: Sequence[Contender]) -> str:
    if any(each.baseline == one.name for each in shown):
        return "It is the baseline itself."
    if one.dense:
        return "It is dense itself, so that there is nothing for it to pay back."
    return "It has no baseline: no dense recipe is stored whose energies compare with it."


def _column(title: str, values: list[float], quantity: Quantity, held: str = "") -> dict[str, list[float]]:
    """Return the values in one unit, with four significant digits, under a heading that names it and ends in `held`."""
    unit = quantity.common_unit(values)
    return {f"{title} ({unit.name}){held}": [float(f"{value / unit.size:.4g}") for value in values]}


_NAMING = ["technique", "network", "sparsity", "temperature"]
_TOLD = [*_NAMING, "baseline", "run_id", "seeds", "costs", CHOSEN_BY, "accuracy", COLUMN]


def _contender(key: str, row: dict[str, Any], called: dict[str, str], costs: dict[str, Costs]) -> Contender:
    against = None if pd.isna(row["baseline"]) or row["baseline"] == key else row["baseline"]
    return Contender(
        run_id=row["run_id"],
        name=called[key],
        dense=row["technique"] == "dense",
        rank=None if pd.isna(row["rank"]) else int(row["rank"]),
        seeds=row["seeds"],
        accuracy_val=row[CHOSEN_BY],
        accuracy=None if pd.isna(row["accuracy"]) else row["accuracy"],
        costs=costs[key],
        lifetime_j=row[COLUMN],
        on_front=row["on_front"],
        picked=row["picked"],
        baseline=called[against] if against else None,
        break_even=break_even(costs[key], costs[against]) if against else None,
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return list(table.to_dict("records"))


def _name(row: dict[str, Any]) -> str:
    sparsity = f", sparsity {row['sparsity']:.2f}" if row["sparsity"] else ""
    temperature = "" if pd.isna(row["temperature"]) else f", temperature {row['temperature']:g}"
    return f"{row['technique']}, {row['network']}{sparsity}{temperature}"
