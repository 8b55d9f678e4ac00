"""Accuracy against a cost: the points, their intervals, and the front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from greenai_core.analysis.explore import View
from greenai_core.analysis.thinning import thin
from greenai_core.charts.looks import (
    FRONT_LINE,
    LARGE,
    LAYOUT,
    LEGEND_ROW,
    NAMES_IN_A_ROW,
    ColourBy,
    axis,
    looks,
    ticks,
)
from greenai_core.charts.point import hovers, symbols
from greenai_core.units import Unit
from greenai_core.wording import number

FADED, SMALL = 0.7, 8
LEAST_SHARE = 10.0
"""An interval of a cost is drawn down to this part of its mean at most."""
MOST_DOMINATED = 300
"""Dominated points drawn at most: each costs a browser about a quarter of a millisecond at every move of a slider, and
so many show the shape of the cloud."""
MANY_POINTS = MOST_DOMINATED
"""From here on dominated points only tell their place when they are pointed at: of so many, words take longer to send
and to draw than the points themselves."""


def draw(
    view: View, *, by: ColourBy, rim: str, published: pd.DataFrame | None = None, pick: str | None = None
) -> go.Figure:
    """Draw accuracy against cost: dominated points faded, the front rimmed and joined by steps.

    A point of one seed is open. On the front, and where it is tied with it, a point has its 95 % intervals as bars;
    tied points have a thin ring as well. Of very many dominated points as many are drawn as
    `greenai_core.analysis.thinning` keeps.

    Args:
        view: what to draw.
        by: which column decides about colour and shape.
        rim: colour around the points of the front; that of the page's background.
        published: reference points with the columns `label`, the cost and the accuracy of the view; hollow crosses.
        pick: run_id of the point to ring.

    Returns:
        A figure whose points carry their run_id as customdata.
    """
    table, front = view.front.table.iloc[shown(view)], view.front.points
    unit = view.cost.quantity.common_unit(view.front.table[view.cost.column])
    seen = looks(by, view.front.table[by].unique())
    beaten = table[~table["run_id"].isin(front["run_id"])]
    tied, picked = beaten[beaten["tied"]], table[table["run_id"] == pick]
    traces = [_bars(pd.concat([front, tied]), view, unit)]
    for name, look in seen.items():
        rows = beaten[beaten[by] == name]
        words = _place(view, unit) if len(table) > MANY_POINTS else _words(rows, view)
        marker = {"symbol": symbols(rows, look["symbol"]), "size": SMALL, "opacity": _opacities(rows)}
        traces.append(_points(rows, view, unit, name, {**look, **marker}) | words)
    traces.append(_line(front.sort_values(view.cost.column), view, unit))
    for name, look in seen.items():
        rows = front[front[by] == name]
        marker = {"symbol": symbols(rows, look["symbol"]), "size": LARGE, "line": {"width": 1.5, "color": rim}}
        traces.append(_points(rows, view, unit, name, {**look, **marker}) | _words(rows, view))
        traces.append(_legend(name, look))
    traces += [
        _ring(rows, view, unit, name, {"size": size, "line": {"width": width}})
        for rows, name, size, width in ((tied, "Tied", 2 * SMALL, 1), (picked, "Recommended", 2 * LARGE, 3))
        if not rows.empty
    ]
    if published is not None and not published.empty:
        traces.append(_published(published, view, unit))
    layout = {
        **LAYOUT,
        "height": 460 + LEGEND_ROW * max(0, len(seen) // NAMES_IN_A_ROW - 1),
        "hovermode": "closest",
        "dragmode": "select",
        "uirevision": view.front.id,
        "xaxis": {
            "title": axis(view.cost, unit.name),
            "type": "log",
            **ticks(view.front.table[view.cost.column] / unit.size),
        },
        "yaxis": {"title": f"{view.accuracy.title} (%)"},
    }
    # All at once: a trace that is added to a figure is checked, and copied, twice.
    return go.Figure([{"type": "scatter", **trace} for trace in traces], layout)


def shown(view: View) -> np.ndarray:
    """Return which rows of the view's table are drawn: all, or where they are very many so many that none is missed."""
    table = view.front.table
    costs, accuracies = (table[axis.column].to_numpy(float) for axis in (view.cost, view.accuracy))
    return thin(np.log10(costs), accuracies, view.front.mask, MOST_DOMINATED)


def describe(view: View) -> str:
    """Say in words what `draw` draws, for those who cannot see it."""
    best = view.front.points.sort_values(view.accuracy.column).iloc[-1]
    return (
        f"Scatter of {view.accuracy.title.lower()} against {view.cost.title.lower()} for "
        f"{number(len(view.front.table), 'point')} of {number(len(view.shown.rows), 'run')}; "
        f"{int(view.front.mask.sum())} lie on the Pareto front. The most accurate reaches "
        f"{view.accuracy.text(best[view.accuracy.column])} at {view.cost.text(best[view.cost.column])}. "
        "The table below holds the same runs."
    )


def run_of(point: Mapping[str, Any]) -> str:
    """Return the run_id of a point that was selected in a chart."""
    custom = point.get("customdata")
    return str(custom[0] if isinstance(custom, list | tuple) else custom)


def _at(rows: pd.DataFrame, view: View, unit: Unit) -> dict[str, pd.Series]:
    """Return where rows lie, on axes in a unit of the cost and in percent."""
    return {"x": rows[view.cost.column] / unit.size, "y": rows[view.accuracy.column] * 100}


def _points(rows: pd.DataFrame, view: View, unit: Unit, name: str, marker: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: values.to_numpy(np.float32) for key, values in _at(rows, view, unit).items()},
        "customdata": rows["run_id"],
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "showlegend": False,
        "marker": marker,
    }


def _legend(name: str, look: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trace without points, which only names a look."""
    return {
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "marker": {**look, "size": 10},
    }


def _line(ordered: pd.DataFrame, view: View, unit: Unit) -> dict[str, Any]:
    return {
        **_at(ordered, view, unit),
        "mode": "lines",
        "name": "Pareto front",
        "line": {"shape": "vh" if view.cost.maximize else "hv", "width": 2, "color": FRONT_LINE},
        "hoverinfo": "skip",
    }


def _ring(rows: pd.DataFrame, view: View, unit: Unit, name: str, marker: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_at(rows, view, unit),
        "mode": "markers",
        "name": name,
        "hoverinfo": "skip",
        "marker": {"symbol": "circle-open", "color": FRONT_LINE, **marker},
    }


def _published(rows: pd.DataFrame, view: View, unit: Unit) -> dict[str, Any]:
    return {
        **_at(rows, view, unit),
        "mode": "markers",
        "name": "Published by others",
        "text": rows["label"],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": "x-thin", "size": 11, "line": {"width": 2, "color": FRONT_LINE}},
    }


def _words(rows: pd.DataFrame, view: View) -> dict[str, Any]:
    """Return what points tell when they are pointed at, each in words of its own."""
    texts = hovers(rows, view.accuracy, [view.cost], view.front.keys)
    return {"text": texts, "hovertemplate": "%{text}<extra></extra>"}


def _place(view: View, unit: Unit) -> dict[str, Any]:
    """Return the words that all points share: where they are, and the run to look for."""
    told = f"{view.accuracy.title}: %{{y:.2f}} %<br>{axis(view.cost, unit.name)}: %{{x:.3~g}}<br>%{{customdata}}"
    return {"hovertemplate": f"{told}<extra></extra>"}


def _bars(rows: pd.DataFrame, view: View, unit: Unit) -> dict[str, Any]:
    """Return a trace of nothing but intervals; those of a cost end above zero, which a log axis does not have."""
    cost, accuracy = view.cost.column, view.accuracy.column
    low = np.maximum(rows[f"{cost}_low"], rows[cost] / LEAST_SHARE)
    bars = {"thickness": 1, "width": 3, "color": FRONT_LINE, "symmetric": False}
    return {
        **_at(rows, view, unit),
        "error_x": {
            **bars,
            "array": (rows[f"{cost}_high"] - rows[cost]) / unit.size,
            "arrayminus": (rows[cost] - low) / unit.size,
        },
        "error_y": {
            **bars,
            "array": (rows[f"{accuracy}_high"] - rows[accuracy]) * 100,
            "arrayminus": (rows[accuracy] - rows[f"{accuracy}_low"]) * 100,
        },
        "mode": "markers",
        "marker": {"opacity": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _opacities(rows: pd.DataFrame) -> list[float]:
    return [1.0 if tied else FADED for tied in rows["tied"]]
