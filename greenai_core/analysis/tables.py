"""Tables for people: one unit per column, stated in its heading, so that numbers can be sorted and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from greenai_core.analysis.figures import FIGURES, OBJECTIVES, Figure, sign

WORDS = {
    "status": "Status",
    "tags": "Tags",
    "note": "Note",
    "technique": "Technique",
    "network": "Model",
    "dataset": "Data set",
    "sparsity": "Sparsity",
    "temperature": "Temperature",
    "seed": "Seed",
    "origin": "Origin",
    "created_at": "Created",
    "run_id": "Run",
}

RUN_COLUMNS = (
    "technique",
    "network",
    "sparsity",
    "seed",
    "accuracy_val",
    "accuracy",
    "size_bytes",
    "energy_train_j",
    "energy_per_sample_j",
    "latency_ms",
    "macs",
    "params",
    "nonzero_params",
    "temperature",
    "dataset",
    "origin",
    "created_at",
    "run_id",
)
"""What a table of runs shows, in this order."""


@dataclass(frozen=True)
class Column:
    """One column as shown: its heading with the unit, what it means, and how many decimals a number has."""

    heading: str
    help: str = ""
    decimals: int | None = None


def shown(runs: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Column]]:
    """Scale the figures of `runs` to one unit per column; each energy is followed by how it was obtained.

    Returns:
        The table, with the columns of `RUN_COLUMNS` and the kinds, and how each column is headed. Where a run did not
        succeed, the first column says how each one ended; where tags or notes stand beside `runs` and one is not
        empty, the next ones hold them.
    """
    parts: dict[str, pd.Series] = {}
    headings: dict[str, Column] = {}
    telling = [] if (runs["status"] == "succeeded").all() else ["status"]
    telling += [name for name in ("tags", "note") if name in runs and runs[name].any()]
    for name in (*telling, *RUN_COLUMNS):
        figure = FIGURES.get(name)
        if figure is None:
            parts[name] = _times(runs[name]) if name == "created_at" else runs[name]
            headings[name] = Column(WORDS[name])
            continue
        parts[name], headings[name] = _scaled(runs[name], figure)
        if figure.kind_column:
            kinds = runs[figure.kind_column].where(runs[name].notna())  # of an unknown energy there is none
            parts[f"{name}_kind"] = kinds.map(sign, na_action="ignore")
            headings[f"{name}_kind"] = Column("How", f"how the {figure.title.lower()} was obtained")
    return pd.DataFrame(parts), headings


POINT_COLUMNS = ("technique", "network", "sparsity", "seeds", "rank", "on_front", "tied")
"""What a table of points shows before their figures, in this order."""


def points(table: pd.DataFrame, figures: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Column]]:
    """Scale the figures of points as `shown` does those of runs; each mean is followed by its 95 % interval.

    Args:
        table: that of `greenai_core.analysis.explore.View.front`.
        figures: which to show.

    Returns:
        The table, with the columns of `POINT_COLUMNS`, the figures, their half-widths and kinds, and the origin; how
        each column is headed.
    """
    parts: dict[str, pd.Series] = {}
    headings: dict[str, Column] = {}
    for name in (*POINT_COLUMNS, *figures, "origin"):
        figure = OBJECTIVES.get(name)
        if figure is None:
            parts[name] = table[name] * 100 if name == "on_front" else table[name]
            headings[name] = _POINT_WORDS.get(name) or Column(WORDS[name])
            continue
        parts[name], headings[name] = _scaled(table[name], figure)
        half = (table[f"{name}_high"] - table[f"{name}_low"]) / 2
        if (half > 0).any():
            unit = figure.quantity.common_unit(table[name])
            parts[f"{name}_half"] = half / unit.size
            headings[f"{name}_half"] = Column("±", "95 % interval of the mean", headings[name].decimals)
        if figure.kind_column:
            kinds = table[figure.kind_column].where(table[name].notna())
            parts[f"{name}_kind"] = kinds.map(sign, na_action="ignore")
            headings[f"{name}_kind"] = Column("How", f"how the {figure.title.lower()} was obtained")
    return pd.DataFrame(parts), headings


_POINT_WORDS = {
    "seeds": Column("Seeds", "runs that differ in nothing else are one point", 0),
    "rank": Column("Rank", "1 is the front; 2 the front of what is left without it, and so on", 0),
    "on_front": Column("On the front (%)", "in how many of the draws of its mean nothing beats the point", 0),
    "tied": Column("Tied", "not on the front, but its intervals reach it"),
}


def _times(texts: pd.Series) -> pd.Series:
    """Return texts as times; what is none is unknown: an older store may hold it, and a table shows what it can."""
    return pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")


def _scaled(values: pd.Series, figure: Figure) -> tuple[pd.Series, Column]:
    unit = figure.quantity.common_unit(values)
    scaled = values.astype(float) / unit.size
    median = scaled.abs().median()
    decimals = 0 if not unit.name or median >= 1000 else 1 if median >= 100 else 2
    heading = (
        f"{figure.brief} ({unit.name})" if unit.name and figure.title not in unit.name else unit.name or figure.brief
    )
    return scaled, Column(heading, figure.help, decimals)
