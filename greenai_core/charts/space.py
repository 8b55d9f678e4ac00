"""Accuracy against two costs: points in space, and the front of three objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from greenai_core.analysis.figures import Figure
from greenai_core.analysis.space import Space, shown
from greenai_core.charts.looks import (
    FRONT_LINE,
    LAYOUT,
    LEGEND_ROW,
    NAMES_IN_A_ROW,
    SHAPES,
    ColourBy,
    axis,
    looks,
    ticks,
)
from greenai_core.charts.point import hovers, symbols
from greenai_core.units import Unit
from greenai_core.wording import number

SOLIDS = ("circle", "diamond", "square")
"""Shapes that plotly draws in space both filled and hollow; more families share them, and are told by their colours."""
FADED, SMALL, MIDDLE, LARGE = 0.5, 4, 6, 8
HEIGHT = 560
FLOOR = 0.05
"""So far below the worst point, as a share of the range of accuracies, the stems of the front end."""
EYE = 1.8
"""How far the viewer stands from the middle of the box along each cost."""
BOX = {"x": 1.3, "y": 1.3, "z": 0.8}
"""Its sides: a page is wider than high."""


def draw(found: Space, *, by: ColourBy, grey: str) -> go.Figure:
    """Draw accuracy, upright, against two costs, all costs logarithmic, seen from the side that nothing beats.

    Points of the front are large and stand on stems; those tied with it are of middle size, the others small and faded.
    Of very many dominated points as many are drawn as `greenai_core.analysis.space.shown` keeps. A point of one seed is
    hollow. The legend names what is on the front, and the size of what is tied with it; the others tell their names
    when they are pointed at.

    Args:
        found: what to draw.
        by: which column decides about colour and shape.
        grey: colour of the stems; a light one on a light page, a dark one on a dark page.

    Returns:
        A figure whose points carry their run_id as customdata.
    """
    front = found.deep.front
    table = front.table.assign(on=front.mask).iloc[shown(found)]
    units = {figure: figure.quantity.common_unit(front.table[figure.column]) for figure in found.axes}
    drawn = go.Figure()
    groups = (
        (table[~table["on"] & ~table["tied"]], {"size": SMALL, "opacity": FADED}),
        (table[~table["on"] & table["tied"]], {"size": MIDDLE}),
        (table[table["on"]], {"size": LARGE}),
    )
    seen = looks(by, front.table[by].unique())
    named_ones = set(front.points[by])
    for name, look in seen.items():
        shape, colour = _solid(look["symbol"]), look["color"]
        for rows, marker in groups:
            named = rows[rows[by] == name]
            if len(named):
                drawn.add_scatter3d(
                    **_points(named, found, units),
                    name=name,
                    legendgroup=name,
                    showlegend=False,
                    marker={**marker, "color": colour, "symbol": symbols(named, shape), "line": {"width": 0}},
                )
        if name in named_ones:
            dummy = {"color": colour, "symbol": shape, "size": LARGE}
            drawn.add_scatter3d(x=[None], y=[None], z=[None], mode="markers", name=name, legendgroup=name, marker=dummy)
    if table["tied"].any():
        dummy = {"color": FRONT_LINE, "symbol": "circle", "size": MIDDLE}
        drawn.add_scatter3d(x=[None], y=[None], z=[None], mode="markers", name="Tied", marker=dummy)
    drawn.add_scatter3d(**_stems(table[table["on"]], table, found, units), line={"color": grey, "width": 2})
    first, accuracy, third = found.axes
    return drawn.update_layout(
        **LAYOUT,
        height=HEIGHT + LEGEND_ROW * (len(named_ones) // NAMES_IN_A_ROW),
        uirevision=found.deep.front.id,
        scene={
            "xaxis": _log_axis(first, front.table, units[first]),
            "yaxis": _log_axis(third, front.table, units[third]),
            "zaxis": {"title": f"{accuracy.brief} (%)"},
            "aspectmode": "manual",
            "aspectratio": BOX,
            "camera": {
                "eye": {"x": _side(first), "y": _side(third), "z": 0.6 * EYE},
                "center": {"x": 0, "y": 0, "z": -0.15},
            },
        },
    )


def describe(found: Space) -> str:
    """Say in words what `draw` draws, for those who cannot see it."""
    first, accuracy, third = found.axes
    return (
        f"Points in space: {accuracy.title.lower()} against {first.title.lower()} and {third.title.lower()} for "
        f"{number(len(found.deep.front.table), 'point')} of {number(len(found.deep.runs), 'run')}. {found.sentence} "
        "The table below holds the points on the front."
    )


def _points(rows: pd.DataFrame, found: Space, units: Mapping[Figure, Unit]) -> dict[str, Any]:
    first, accuracy, third = found.axes
    keys = found.deep.front.keys
    x, y, z = ((rows[figure.column] / units[figure].size).to_numpy(np.float32) for figure in (first, third, accuracy))
    return {
        "x": x,
        "y": y,
        "z": z,
        "customdata": rows["run_id"],
        "text": hovers(rows, accuracy, (first, third), keys),
        "hovertemplate": "%{text}<extra></extra>",
        "mode": "markers",
    }


def _stems(front: pd.DataFrame, drawn: pd.DataFrame, found: Space, units: Mapping[Figure, Unit]) -> dict[str, Any]:
    """Return a trace of upright lines from the points of the front to the floor: without them depth is a guess."""
    first, accuracy, third = found.axes
    heights = drawn[accuracy.column] / units[accuracy].size
    floor = heights.min() - FLOOR * (heights.max() - heights.min())
    x, y = ((front[figure.column] / units[figure].size).tolist() for figure in (first, third))
    tops = (front[accuracy.column] / units[accuracy].size).tolist()
    return {
        "x": [place for value in x for place in (value, value, None)],
        "y": [place for value in y for place in (value, value, None)],
        "z": [place for value in tops for place in (floor, value, None)],
        "mode": "lines",
        "hoverinfo": "skip",
        "name": "Pareto front",
    }


def _log_axis(cost: Figure, table: pd.DataFrame, unit: Unit) -> dict[str, Any]:
    return {"title": axis(cost, unit.name), "type": "log", **ticks(table[cost.column] / unit.size)}


def _side(cost: Figure) -> float:
    """Return where along a cost the viewer stands: on its better side, so that the front hides what it beats."""
    return EYE if cost.maximize else -EYE


def _solid(symbol: str) -> str:
    """Return the shape in space of a family that has the shape `symbol` in the plane."""
    return SOLIDS[SHAPES.index(symbol.removesuffix("-dot")) % len(SOLIDS)]
