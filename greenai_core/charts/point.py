"""What a single point tells and how it looks, the same in every chart of points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from greenai_core import wording
from greenai_core.analysis.comparable import ACCURACIES
from greenai_core.analysis.figures import Figure, figure, sign
from greenai_core.wording import number

OPEN = "-open"
"""What makes a shape hollow."""


def hovers(rows: pd.DataFrame, accuracy: Figure, costs: Iterable[Figure], keys: Mapping[str, str]) -> list[str]:
    """Return what points say when they are pointed at: figures with their intervals, and how sure their place is.

    Args:
        rows: of the table of a `greenai_core.analysis.explore.View`.
        accuracy: told with both accuracies.
        costs: told after them.
        keys: of the front; they say how energies were obtained.
    """
    signs = {figure(name): "" for name in dict.fromkeys([*ACCURACIES, accuracy.column])}
    signs |= {cost: sign(keys.get(cost.kind_column or "")) for cost in costs}
    ends = [f"{wanted.column}{end}" for wanted in signs for end in ("", "_low", "_high")]
    return [_hover(row, signs) for row in rows[[*_TELLING, *ends]].to_dict("records")]


_TELLING = ("run_id", "network", "technique", "sparsity", "temperature", "seeds", "on_front", "tied")


def _hover(row: Mapping[Any, Any], signs: Mapping[Figure, str]) -> str:
    told = [f"{with_interval(wanted, row)} {sign}".rstrip() for wanted, sign in signs.items()]
    return "<br>".join(
        [f"<b>{wording.point(row)}</b>, {number(row['seeds'], 'seed')}", *told, wording.standing(row), row["run_id"]]
    )


def with_interval(wanted: Figure, row: Mapping[str, Any]) -> str:
    """Write a figure of a point and its 95 % interval, where it has one."""
    low, high = row[f"{wanted.column}_low"], row[f"{wanted.column}_high"]
    interval = "" if pd.isna(low) or low == high else f" ({wanted.text(low)} to {wanted.text(high)})"
    return f"{wanted.title}: {wanted.text(row[wanted.column])}{interval}"


def symbols(rows: pd.DataFrame, shape: str) -> list[str]:
    """Return the shape of each point: hollow where one seed is all there is."""
    solid, dot, _ = shape.partition("-dot")  # plotly's order is "diamond-open-dot"
    return [shape if seeds > 1 else f"{solid}{OPEN}{dot}" for seeds in rows["seeds"]]
