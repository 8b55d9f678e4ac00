"""The recipes of a group, ranked by lifetime energy, each beside the baseline it has to pay back against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from greenai_core import units
from greenai_core.analysis.break_even import BreakEven, Costs, break_even, count
from greenai_core.analysis.lifetime import COLUMN, MAKING, SERVING, Lifetime, Scale, pick
from greenai_core.analysis.pareto import CHOSEN_BY, Front
from greenai_core.errors import BadInput
from greenai_core.units import Quantity


@dataclass(frozen=True)
class Contender:
    """One recipe of a front's table, beside its baseline.

    `rank` is by lifetime energy, 1 the least. `baseline` is the name of another contender; None: it is dense itself,
    or nothing dense is comparable.
    """

    run_id: str
    name: str
    rank: int
    runs: int
    accuracy_val: float
    accuracy: float | None
    costs: Costs
    lifetime_j: float
    on_front: bool
    picked: bool
    baseline: str | None
    break_even: BreakEven | None


def contenders(front: Front, lifetime: Lifetime, against: str | None = None, most: int = 100) -> tuple[Contender, ...]:
    """Return the recipes of a front, the one that is picked, the `most` cheapest and the baselines, cheapest first.

    Args:
        front: of `lifetime.fronts`, of a table of `points`.
        lifetime: what it was ranked by.
        against: replicate_key of the baseline of all; None: each has its own.
        most: how many besides the front.

    Raises:
        BadInput: `against` is none of the recipes of the front's table.
    """
    needed = [*_COLUMNS, SERVING[lifetime.serving]]
    ordered = front.table[needed].assign(on_front=front.mask).sort_values(COLUMN, kind="stable")
    ordered = ordered.set_index("replicate_key")
    if against is not None:
        if against not in ordered.index:
            raise BadInput(f"against: {against!r} cannot be compared with these; choose one that is measured alike.")
        ordered = ordered.assign(baseline=against)
    picked = pick(front)
    ordered = ordered.assign(rank=range(1, len(ordered) + 1), picked=ordered["run_id"] == picked)
    kept = ordered[ordered["on_front"] | ordered["picked"] | (ordered["rank"] <= most)]
    kept = ordered[ordered.index.isin({*kept.index, *kept["baseline"].dropna()})]
    called = names(kept)
    costs = {key: _costs(row, SERVING[lifetime.serving]) for key, row in zip(kept.index, _rows(kept), strict=True)}
    return tuple(_contender(key, row, called, costs) for key, row in zip(kept.index, _rows(kept), strict=True))


def baselines(recipes: pd.DataFrame, most: int = 100) -> dict[str, str]:
    """Return the dense recipes that the others may be held against, by replicate_key, the most accurate ones first.

    Args:
        recipes: of `greenai_core.analysis.lifetime.points`, comparable ones.
        most: how many at most.
    """
    dense = recipes[recipes["technique"] == "dense"].nlargest(most, CHOSEN_BY)
    return names(dense.set_index("replicate_key"))


def names(table: pd.DataFrame) -> dict[str, str]:
    """Return a short name per replicate_key, the index of `table`; where two would be called alike, the key tells."""
    called = {key: _name(row) for key, row in zip(table.index, _rows(table), strict=True)}
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


def answer(shown: Sequence[Contender], predictions: float, scale: Scale) -> str:
    """Say which recipe is recommended for so many predictions, and what its baseline would take."""
    quantity, per_joule = scale
    one = next(each for each in shown if each.picked)
    baseline = next((each for each in shown if each.name == one.baseline), None)
    unit = quantity.unit_for(one.lifetime_j * per_joule)

    def text(joules: float) -> str:
        return f"{units.significant(joules * per_joule / unit.size)} {unit.name}"

    served = text(one.costs.per_sample_j * predictions)
    said = (
        f"For {count(predictions)} predictions, {one.name} takes least among those within 1 point of the best "
        f"validation accuracy: {text(one.lifetime_j)}, of which {served} for serving."
    )
    if baseline is None or one.break_even is None:
        itself = any(each.baseline == one.name for each in shown)
        why = (
            "It is the baseline itself."
            if itself
            else "It has no baseline: nothing else that is dense compares with it."
        )
        return f"{said} {why}"
    return (
        f"{said} Its baseline, {baseline.name}, takes {text(baseline.lifetime_j)} "
        f"(difference {units.change(one.lifetime_j, baseline.lifetime_j)}); against it, it {one.break_even.text} "
        f"(95 %: {one.break_even.sure})."
    )


def table(shown: Sequence[Contender], scale: Scale) -> pd.DataFrame:
    """Return one row per recipe, the least lifetime first; each energy has one unit, in its heading."""
    quantity, per_joule = scale
    columns: dict[str, list[Any]] = {
        "Rank": [one.rank for one in shown],
        "Recipe": [one.name for one in shown],
        "Recommended": ["yes" if one.picked else "" for one in shown],
        "On the front": ["yes" if one.on_front else "" for one in shown],
        **_column("Lifetime", [one.lifetime_j * per_joule for one in shown], quantity),
        "Break-even": [one.break_even.text if one.break_even else "" for one in shown],
        "95 % interval": [one.break_even.sure if one.break_even else "" for one in shown],
        "Baseline": [one.baseline or "" for one in shown],
        **_column("Making", [one.costs.train_j * per_joule for one in shown], quantity),
        **_column("One prediction", [one.costs.per_sample_j * per_joule for one in shown], quantity),
        "Validation (%)": [round(one.accuracy_val * 100, 2) for one in shown],
        "Test (%)": [None if one.accuracy is None else round(one.accuracy * 100, 2) for one in shown],
        "Seeds": [one.runs for one in shown],
    }
    return pd.DataFrame(columns)


def _column(title: str, values: list[float], quantity: Quantity) -> dict[str, list[float]]:
    """Return the values in one unit, with four significant digits, under a heading that names it."""
    unit = quantity.common_unit(values)
    return {f"{title} ({unit.name})": [float(f"{value / unit.size:.4g}") for value in values]}


_COLUMNS = (
    *("replicate_key", "run_id", "technique", "network", "sparsity", "temperature", "runs", "baseline"),
    *(CHOSEN_BY, "accuracy", MAKING, "train_se_j", "per_sample_se_j", "covariance_j2", COLUMN),
)


def _costs(row: dict[str, Any], cost: str) -> Costs:
    energies = {"train_j": row[MAKING], "per_sample_j": row[cost]}
    if row["runs"] == 1:
        return Costs(**energies)
    spread = {name: row[name] for name in ("train_se_j", "per_sample_se_j", "covariance_j2")}
    return Costs(**energies, **spread, df=row["runs"] - 1)


def _contender(key: str, row: dict[str, Any], called: dict[str, str], costs: dict[str, Costs]) -> Contender:
    against = None if pd.isna(row["baseline"]) or row["baseline"] == key else row["baseline"]
    return Contender(
        run_id=row["run_id"],
        name=called[key],
        rank=row["rank"],
        runs=row["runs"],
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
