"""Colours, shapes and axes of the whole product.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), told apart by people with any kind of colour
vision; the shape of a marker says the same again. A figure carries no theme: the page's light or dark theme applies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from greenai_core import registry
from greenai_core.analysis.comparable import technique_family
from greenai_core.analysis.figures import Figure

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#8A8F8C")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon", "triangle-down")
FRONT_LINE = "#7A8A82"
LARGE = 13
"""Width of a marker that matters."""
MIN_MARKS = 3
NAMES_IN_A_ROW, LEGEND_ROW = 5, 25
"""Of a legend above a chart: about so many names a row, and the height of a row; the plot keeps its own."""

LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
}


def axis(cost: Figure, unit: str) -> str:
    """Return the title of an axis that shows a figure in a unit."""
    if not unit:
        return cost.title
    if cost.title in unit:
        return unit
    return f"{cost.title} ({unit} per {cost.per})" if cost.per else f"{cost.title} ({unit})"


def ticks(values: pd.Series) -> dict[str, Any]:
    """Return round marks for a log axis, few enough to be read; none where plotly's own fit a narrow range better."""
    positive = values[values > 0]
    if positive.empty:
        return {}
    smallest, largest = float(positive.min()), float(positive.max())
    if smallest == largest:
        smallest, largest = smallest / 10, largest * 10  # what is drawn around a single point
    decades = range(math.floor(math.log10(smallest)) - 1, math.ceil(math.log10(largest)) + 2)
    for digits in ((1,), (1, 2, 5), range(1, 10)):
        marks = [digit * 10.0**power for power in decades for digit in digits]
        if sum(smallest <= mark <= largest for mark in marks) >= MIN_MARKS:
            return {"tickmode": "array", "tickvals": marks, "ticktext": [f"{mark:,.12g}" for mark in marks]}
    return {}


ColourBy = Literal["family", "technique", "model"]
"""The column of points by which they are told apart; the first one unless a person asks for another."""


def looks(by: ColourBy, shown: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give every family a shape and each of its names a colour, the same in every chart.

    Where a family has more names than there are colours, the shapes of the others have a dot. Families of techniques
    have the same shapes whether their techniques are told apart or not.
    """
    known = registry.names("models") if by == "model" else ("dense", *registry.names("techniques"))
    families: dict[str, list[str]] = {}
    for name in (*known, *sorted(set(shown) - set(known))):
        families.setdefault(_family(by, name), []).append(name)
    if by == "family":
        families = {name: [name] for name in families}
    return {
        name: {
            "color": OKABE_ITO[(place + 3 * index) % len(OKABE_ITO)],
            "symbol": SHAPES[index % len(SHAPES)] + ("-dot" if place >= len(OKABE_ITO) else ""),
        }
        for index, members in enumerate(families.values())
        for place, name in enumerate(members)
        if name in shown
    }


def _family(by: ColourBy, name: str) -> str:
    return registry.family("models", name) if by == "model" else technique_family(name)
