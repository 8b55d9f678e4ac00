"""Three objectives as upright axes beside each other, a line per point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from greenai_core.analysis.figures import Figure
from greenai_core.analysis.space import Space, shown
from greenai_core.charts.looks import LAYOUT, LEGEND_ROW, NAMES_IN_A_ROW, OKABE_ITO, ColourBy, axis, looks, ticks
from greenai_core.units import significant
from greenai_core.wording import number

HEIGHT = 480
MARKS = 4
"""On an axis over a narrow range."""
MARGIN = {"l": 90, "r": 90, "t": 90, "b": 24}
"""For the titles and marks of the outer axes, and the legend above."""


def draw(found: Space, *, by: ColourBy, grey: str) -> go.Figure:
    """Draw the points as lines across the three axes of `found`; on each of them better is up, costs are logarithmic.

    Lines of the front are coloured, the others grey behind them. Of very many dominated points as many are drawn as
    `greenai_core.analysis.space.shown` keeps.

    Args:
        found: what to draw.
        by: which column decides about the colour of the front.
        grey: colour of dominated points; a light one on a light page, a dark one on a dark page.
    """
    front = found.deep.front
    table = front.table.assign(on=front.mask).iloc[shown(found)]
    table = table.sort_values("on", kind="stable")  # the last lines lie on top
    names = sorted(table.loc[table["on"], by].unique())
    colours = _colours(by, names)
    palette = [grey, *colours.values()]
    places = {name: place for place, name in enumerate(colours, start=1)}
    drawn = go.Figure()
    drawn.add_parcoords(
        dimensions=[_dimension(table, figure, figure is found.flat.accuracy) for figure in found.axes],
        line={
            "color": table[by].map(places).where(table["on"], 0).astype(float).tolist(),
            "colorscale": _steps(palette),
            "cmin": -0.5,
            "cmax": len(palette) - 0.5,
            "showscale": False,
        },
    )
    for name, colour in {**colours, "dominated": grey}.items():
        line = {"color": colour, "width": 4}
        drawn.add_scatter(x=[None], y=[None], mode="lines", name=name, line=line)  # parallel axes have no legend
    return drawn.update_layout(
        legend={**LAYOUT["legend"], "y": 1.2, "itemclick": False, "itemdoubleclick": False},
        margin=MARGIN,
        height=HEIGHT + LEGEND_ROW * (len(palette) // NAMES_IN_A_ROW),
        xaxis={"visible": False},
        yaxis={"visible": False},
    )


def describe(found: Space) -> str:
    """Say in words what `draw` draws, for those who cannot see it."""
    named = ", ".join(figure.title.lower() for figure in found.axes)
    return (
        f"Parallel coordinates, better always up, of {named} for {number(len(found.deep.front.table), 'point')} of "
        f"{number(len(found.deep.runs), 'run')}. {found.sentence} The table below holds the points on the front."
    )


def _dimension(table: pd.DataFrame, figure: Figure, linear: bool) -> dict[str, Any]:
    """Return one axis. What less of is better is drawn with its sign turned, so that better is up."""
    unit = figure.quantity.common_unit(table[figure.column])
    values = (table[figure.column] / unit.size).to_numpy(float)
    if linear:
        return {"label": f"{figure.title} (%)", "values": values}
    sense = 1 if figure.maximize else -1
    marks = _marks(values)[::sense]  # upwards: of marks that go down plotly turns the words round at every redraw
    return {
        "label": axis(figure, unit.name),
        "values": sense * np.log10(values),
        "tickvals": sense * np.log10(marks),
        "ticktext": [significant(mark, 2) for mark in marks],
    }


def _marks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return round numbers within the range of `values`; over a narrow one, numbers at even distances."""
    if len(values) == 0 or values.min() == values.max():
        return np.unique(values)
    round_ones = np.array(ticks(pd.Series(values)).get("tickvals", []))
    within = round_ones[(round_ones >= values.min()) & (round_ones <= values.max())]
    return within if len(within) else np.geomspace(values.min(), values.max(), MARKS)


def _colours(by: ColourBy, names: Sequence[str]) -> dict[str, str]:
    """Return a colour per name, the one it has in other charts unless another name took it: lines have no shape."""
    free, chosen = list(OKABE_ITO), {}
    for name, look in looks(by, names).items():
        chosen[name] = look["color"] if look["color"] in free or not free else free[0]
        free = [colour for colour in free if colour != chosen[name]]
    return chosen


def _steps(palette: list[str]) -> list[tuple[float, str]]:
    """Return a colour scale of plain steps."""
    ends = np.linspace(0, 1, len(palette) + 1)
    return [(float(end), colour) for place, colour in enumerate(palette) for end in ends[place : place + 2]]
