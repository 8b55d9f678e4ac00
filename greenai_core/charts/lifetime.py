"""Lifetime energy against the number of predictions, and where a model breaks even with its baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from greenai_core.analysis.break_even import count
from greenai_core.analysis.contenders import Contender
from greenai_core.analysis.lifetime import LEAST, MOST, Scale
from greenai_core.charts.looks import FRONT_LINE, LARGE, LEGEND_ROW, OKABE_ITO
from greenai_core.units import ENERGY, Quantity

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "4px 2px 1px 2px 1px 2px", "12px 6px")
"""Of the lines, in the order of the colours; they say the same again, as shapes do elsewhere."""

LINES = len(OKABE_ITO)
"""As many lines as can be told apart."""

NAMES_IN_A_ROW = 3
PER_DECADE = 8
LABEL_PLACES = ("top left", "bottom center", "top right", "bottom left", "top center", "bottom right")
"""Of the numbers at crossings, from left to right, so that neighbours do not cover each other."""
LABELS = 6
"""At most about so many numbers beside the upright axis."""


def lines(shown: Sequence[Contender], *, predictions: float, scale: Scale = (ENERGY, 1.0)) -> go.Figure:
    """Draw a line per recipe, the one picked bold, and mark its break-even, with the 95 % interval.

    That is where the lines of a recipe and of its baseline cross, if both are means over the same seeds; where they are
    not, it is of the seeds in common, and marked on the line of the recipe.

    Args:
        shown: what to draw, at most `LINES`; a break-even is marked where the baseline is drawn, too.
        predictions: where an upright line stands.
        scale: what to show the lifetimes in.

    Returns:
        A figure whose axes are both logarithmic.
    """
    quantity, per_joule = scale
    steps = PER_DECADE * round(math.log10(MOST / LEAST))
    served = [LEAST * (MOST / LEAST) ** (step / steps) for step in range(steps + 1)]
    values = {one.name: [one.costs.at(n) * per_joule for n in served] for one in shown}
    unit = quantity.common_unit([value for drawn in values.values() for value in drawn])
    drawn = go.Figure()
    looks = dict(zip(sorted(values), zip(OKABE_ITO, DASHES, strict=True), strict=False))
    for one in shown:
        colour, dash = looks[one.name]
        drawn.add_scatter(
            x=served,
            y=[value / unit.size for value in values[one.name]],
            mode="lines",
            name=one.name,
            legendgroup=one.name,
            text=[f"{count(n)} predictions: {quantity.text(v)}" for n, v in zip(served, values[one.name], strict=True)],
            hovertemplate=f"<b>{one.name}</b><br>%{{text}}<extra></extra>",
            line={"color": colour, "dash": dash, "width": 4 if one.picked else 2},
        )
    for place, one in enumerate(crossing(shown)):
        drawn.add_scatter(
            **_crossing(one, quantity, per_joule, unit.size),
            textposition=LABEL_PLACES[place % len(LABEL_PLACES)],
            marker={"symbol": "circle-open", "size": LARGE, "color": looks[one.name][0], "line": {"width": 2.5}},
        )
    marks = _decades(value / unit.size for line in values.values() for value in line)
    if marks:
        drawn.add_scatter(
            x=[predictions] * 2,
            y=[marks[0], marks[-1]],
            mode="lines",
            name=f"{count(predictions)} predictions",
            hoverinfo="skip",
            line={"color": FRONT_LINE, "dash": "dot", "width": 1.5},
        )
    decades = range(round(math.log10(LEAST)), round(math.log10(MOST)) + 1)
    labelled = marks[:: math.ceil(len(marks) / LABELS) or 1]
    return drawn.update_layout(
        margin={"l": 8, "r": 32, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        height=420 + LEGEND_ROW * (len(shown) // NAMES_IN_A_ROW),
        hovermode="closest",
        xaxis={
            "title": "Predictions served over the model's life",
            "type": "log",
            "range": [decades[0], decades[-1]],
            "tickvals": [10.0**power for power in decades],
            "ticktext": [count(10.0**power) if power % 3 == 0 else "" for power in decades],
        },
        yaxis={
            "title": f"Lifetime {'energy' if quantity is ENERGY else 'carbon'} ({unit.name})",
            "type": "log",
            "tickvals": labelled,
            "ticktext": [f"{mark:,.12g}" for mark in labelled],
        },
    )


def describe(shown: Sequence[Contender], *, predictions: float, scale: Scale = (ENERGY, 1.0)) -> str:
    """Say in words what `lines` draws, for those who cannot see it."""
    quantity, per_joule = scale
    kind = "energy" if quantity is ENERGY else "carbon"
    at = ", ".join(f"{one.name} {quantity.text(one.costs.at(predictions) * per_joule)}" for one in shown)
    crossings = "".join(
        f" {one.name} breaks even with {one.baseline} at {count(one.break_even.predictions or 0.0)} predictions, after "
        f"which it is the {'cheaper' if one.break_even.verdict == 'from' else 'dearer'} one."
        for one in crossing(shown)
        if one.break_even
    )
    told = crossings or " None breaks even with its baseline here."
    return (
        f"Lines of lifetime {kind} against the number of predictions, {count(LEAST)} to {count(MOST)}, both "
        f"logarithmic. For {count(predictions)} predictions: {at}.{told} "
        "The table below holds the same recipes."
    )


def crossing(shown: Sequence[Contender]) -> list[Contender]:
    """Return those that break even with their baseline within the chart, both drawn; the first to do so first."""
    drawn = {one.name for one in shown}
    found = [
        (one.break_even.predictions, place)
        for place, one in enumerate(shown)
        if one.baseline in drawn and one.break_even and one.break_even.predictions
    ]
    return [shown[place] for at, place in sorted(found) if LEAST <= at <= MOST]


def _crossing(one: Contender, quantity: Quantity, per_joule: float, size: float) -> dict[str, Any]:
    """Return the trace of one break-even; an interval that ends beyond the chart is drawn to its edge."""
    assert one.break_even and one.break_even.predictions
    at = one.break_even.predictions
    value = one.costs.at(at) * per_joule
    low, high = one.break_even.interval or (at, at)
    error = {
        "type": "data",
        "symmetric": False,
        "array": [min(high, MOST) - at],
        "arrayminus": [at - max(low, LEAST)],
    }
    return {
        "x": [at],
        "y": [value / size],
        "error_x": {**error, "thickness": 1.5},
        "mode": "markers+text",
        "text": [count(at)],
        "name": f"{one.name} crosses {one.baseline}",
        "legendgroup": one.name,
        "showlegend": False,
        "hovertemplate": f"<b>{one.name}</b><br>against {one.baseline}: {one.break_even.text}<br>"
        f"95 %: {one.break_even.sure}<br>{quantity.text(value)} by then<extra></extra>",
    }


def _decades(values: Iterable[float]) -> list[float]:
    """Return the powers of ten around all positive values."""
    positive = [value for value in values if value > 0]
    if not positive:
        return []
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    return [10.0**power for power in range(first, last + 1)]
