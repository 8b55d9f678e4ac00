"""Where the joules went, as bars."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from greenai_core.analysis.figures import SIGNS, sign
from greenai_core.charts.looks import LAYOUT, OKABE_ITO
from greenai_core.units import ENERGY

MOST = 20
"""Names that are drawn at most, those of most joules; the table holds all."""

COLOURS = {"measured": OKABE_ITO[2], "apportioned": OKABE_ITO[4], "estimated": OKABE_ITO[0]}
"""Of the kinds, which stand beside each bar as a sign, too."""

SPARE = 1.25
"""The axis reaches beyond the longest bar by this factor, so that its number has room."""

NOTHING = "rgba(0,0,0,0)"
BAR, MARGIN = 26, 110
"""Heights of a bar and of all around them, in pixels."""


def bars(rows: pd.DataFrame) -> go.Figure:
    """Draw a full bar per name for what was spent, and a hollow one for what the cache saved; of each kind its own.

    Args:
        rows: of `greenai_core.analysis.spending.Spending.by`.
    """
    names = drawn(rows)
    told = rows[rows["name"].isin(names)]
    joules = told[["spent_j", "saved_j"]].to_numpy()
    least, most = float(joules.min(initial=0.0)), float(joules.max(initial=0.0))
    unit = ENERGY.unit_for(max(most, -least))
    figure = go.Figure()
    for kind, mine in told.groupby("kind", sort=False):
        spent = {"color": COLOURS[str(kind)]}
        saved = {"color": NOTHING, "line": {"color": COLOURS[str(kind)], "width": 2}}
        for column, words, marker in (("spent_j", "spent", spent), ("saved_j", "saved by the prefix cache", saved)):
            known = mine[mine[column] != 0]
            if known.empty:
                continue
            figure.add_bar(
                y=known["name"],
                x=known[column] / unit.size,
                name=f"{words}, {sign(str(kind))}",
                orientation="h",
                marker=marker,
                text=[f"{ENERGY.text(value)} {SIGNS[str(kind)]}" for value in known[column]],
                textposition="outside",  # within a hollow bar it would not be read on a dark page
                hovertemplate=f"%{{y}}: %{{text}} {words}<extra></extra>",
            )
    return figure.update_layout(
        **LAYOUT,
        barmode="group",
        height=MARGIN + BAR * len(names) * max(1, len(figure.data)),
        showlegend=True,
        xaxis={"title": f"Energy ({unit.name})", "range": [SPARE * least / unit.size, SPARE * most / unit.size]},
        yaxis={"type": "category", "categoryorder": "array", "categoryarray": names[::-1], "automargin": True},
    )


def drawn(rows: pd.DataFrame) -> list[str]:
    """Return the names that `bars` draws, the one of most joules first."""
    return list(dict.fromkeys(rows["name"]))[:MOST]


def describe(rows: pd.DataFrame, heading: str) -> str:
    """Say in words what `bars` draws, for those who cannot see it."""
    told = rows[rows["name"].isin(drawn(rows))].to_dict("records")
    parts = [
        f"{row['name']} {' and '.join(_amounts(row))} {sign(row['kind'])}"
        for row in told
        if row["spent_j"] or row["saved_j"]
    ]
    return f"Bars of energy by {heading.lower()}: {'; '.join(parts)}. The table below holds the same."


def _amounts(row: dict[str, float]) -> list[str]:
    words = {"spent_j": "spent", "saved_j": "saved by the cache"}
    return [f"{ENERGY.text(row[column])} {word}" for column, word in words.items() if row[column]]
