"""Promised against real: so many times smaller or cheaper, both ways; on the diagonal a promise is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from greenai_core.analysis.promised import NOUNS, kept
from greenai_core.analysis.thinning import thin
from greenai_core.charts.looks import FRONT_LINE, LAYOUT, LEGEND_ROW, NAMES_IN_A_ROW, looks, ticks
from greenai_core.charts.point import symbols
from greenai_core.units import significant
from greenai_core.wording import number, recipe

SIZE = 11
SPARE = 1.25
"""The axes reach beyond the points by this factor."""

COMPARATIVES = {
    "size_bytes": "smaller",
    "zipped_bytes": "smaller",
    "latency_ms": "shorter",
    "energy_per_sample_j": "fewer",
}


def draw(rows: pd.DataFrame, name: str) -> go.Figure:
    """Draw what was promised to the right and what was measured upwards, both logarithmic.

    A point of one seed is hollow. Shapes are the families of techniques, colours the techniques; of several that
    promise, the last one's.

    Args:
        rows: of `greenai_core.analysis.promised.compared`; those without a promise or this figure are left out.
        name: the figure, one of `greenai_core.analysis.promised.REAL`.
    """
    known = drawable(rows, name)
    told = known.iloc[shown(known, name)]
    figure = go.Figure()
    ends = _ends(known, name)
    figure.add_scatter(x=ends, y=ends, mode="lines", name="promise kept", hoverinfo="skip", line={"color": FRONT_LINE})
    figure.add_scatter(
        x=ends, y=[1, 1], mode="lines", name="as before", hoverinfo="skip", line={"color": FRONT_LINE, "dash": "dot"}
    )
    seen = looks("technique", sorted(told["stage"].unique()))
    for stage, look in seen.items():
        mine = told[told["stage"] == stage]
        figure.add_scatter(
            x=mine["promised"],
            y=mine[f"{name}_times"],
            mode="markers",
            name=stage,
            customdata=mine["run_id"],
            text=[_hover(row, name) for row in mine.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
            marker={**look, "symbol": symbols(mine, look["symbol"]), "size": SIZE},
        )
    return figure.update_layout(
        **LAYOUT,
        height=400 + LEGEND_ROW * ((len(seen) + 2) // NAMES_IN_A_ROW),
        hovermode="closest",
        xaxis={"title": "Promised (times smaller)", "type": "log", **ticks(pd.Series(ends))},
        yaxis={"title": f"Real: {NOUNS[name]} (times {COMPARATIVES[name]})", "type": "log", **ticks(pd.Series(ends))},
    )


def drawable(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that promise a number and have been measured in a figure."""
    return rows[rows["promised"].notna() & rows[f"{name}_times"].notna()]


def shown(known: pd.DataFrame, name: str) -> np.ndarray:
    """Return which of the drawable rows are drawn: all, or where they are very many so many that none is missed."""
    x, y = (np.log10(known[column].to_numpy(float)) for column in ("promised", f"{name}_times"))
    return thin(x, y, np.zeros(len(known), dtype=bool)) if len(known) else np.zeros(0, dtype=int)


def describe(rows: pd.DataFrame, name: str) -> str:
    """Say in words what `draw` draws, for those who cannot see it."""
    known = drawable(rows, name)
    if known.empty:
        return f"An empty chart: nothing that promises a number has a known {NOUNS[name]}."
    reached = int(kept(known, name).astype(bool).sum())
    best = known.loc[(known[f"{name}_times"] / known["promised"]).idxmin()]
    return (
        f"Scatter of what was promised against what was measured in {NOUNS[name]}, for {number(len(known), 'recipe')}; "
        f"{reached:,} keep their promise. Farthest from it is {best['what']}: {_pair(best, name)}. The table below "
        "holds the same."
    )


def _ends(known: pd.DataFrame, name: str) -> list[float]:
    values = [1.0, *known["promised"], *known[f"{name}_times"]]
    return [min(values) / SPARE, max(values) * SPARE]


def _hover(row: dict[str, Any], name: str) -> str:
    return (
        f"<b>{row['what']}</b>, {row['model']}, {number(row['seeds'], 'seed')}<br>{recipe(row['recipe'])}<br>"
        f"{_pair(row, name)}<br>{row['run_id']}"
    )


def _pair(row: Any, name: str) -> str:
    promised, real = (significant(row[column], 2) for column in ("promised", f"{name}_times"))
    return f"promised {promised} times, measured {real} times in {NOUNS[name]}"
