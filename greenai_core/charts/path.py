"""The stages of one run as arrows over the plane of accuracy and a cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from greenai_core import wording
from greenai_core.analysis.figures import FIGURES, sign
from greenai_core.analysis.path import UPRIGHT, Path, Step
from greenai_core.charts.looks import FRONT_LINE, LAYOUT, OKABE_ITO, axis, ticks
from greenai_core.charts.trade_off import MANY_POINTS, SMALL
from greenai_core.units import Unit
from greenai_core.wording import number

FADED = 0.35
DISC = 22
"""Width of the disc that holds the number of a stage."""
COLOUR = OKABE_ITO[0]
GAP = "\u00a0" * 4
"""Between the middle of a disc, where its name is anchored, and the name."""
PADDING = 0.4
"""So much of the path's extent is left free around it, on each side."""
LEAST_DECADES, LEAST_POINTS = 0.3, 0.3
"""What is shown around the path at least: decades of the cost, and percentage points."""
BEYOND = 3.0
"""Percentage points that are shown below 0 and above 100 at most, so that a disc there is whole."""
NEAR = 0.2, 0.06
"""Names of discs that are no further apart, as shares of the chart's width and height, would cover each other."""
HEIGHT = 440


def draw(path: Path, behind: pd.DataFrame) -> go.Figure:
    """Draw numbered stages joined by arrows, over other points, which are faded.

    The accuracy is that on validation, the cost is logarithmic. What is shown at first is where the path is; the axes
    can be drawn out to all points. A stage whose cost is predicted is hollow, and one without a place is left out: the
    arrow goes on from the one before.

    Args:
        path: at least one of its steps has a place.
        behind: rows of a table of points that may stand beside it, see `greenai_core.analysis.after_stage.beside`.
    """
    unit = path.cost.quantity.common_unit([*behind[path.cost.column], *(step.cost or 0.0 for step in path.placed)])
    drawn = go.Figure()
    drawn.add_trace(_behind(behind, path, unit))
    placed = path.placed
    for name, some in (
        ("Stages of the run", [step for step in placed if step.source != "predicted"]),
        ("Stages, cost predicted", [step for step in placed if step.source == "predicted"]),
    ):
        if some:
            drawn.add_scatter(**_discs(some, path, unit), name=name)
    costs = pd.Series([step.cost for step in placed], dtype=float) / unit.size
    x_range = _padded(np.log10(costs.tolist()), LEAST_DECADES)
    low, high = _padded([(step.accuracy_val or 0.0) * 100 for step in placed], LEAST_POINTS)
    y_range = [max(low, -BEYOND), min(high, 100 + BEYOND)]
    drawn.add_scatter(**_names(placed, unit, x_range, y_range))
    return drawn.update_layout(
        **LAYOUT,
        height=HEIGHT,
        hovermode="closest",
        annotations=[_arrow(before, after, unit) for before, after in pairwise(placed)],
        xaxis={
            "title": axis(path.cost, unit.name),
            "type": "log",
            "range": x_range,
            **ticks(pd.Series(10.0 ** np.array(x_range))),
        },
        yaxis={"title": f"{FIGURES[UPRIGHT].title} (%)", "range": y_range},
    )


def describe(path: Path) -> str:
    """Say in words what `draw` draws, for those who cannot see it."""
    told = ", then ".join(
        f"{step.name}: {FIGURES[UPRIGHT].text(step.accuracy_val)} at {path.cost.text(step.cost)}"
        for step in path.placed
    )
    return (
        f"Arrows over the plane of validation accuracy and {path.cost.title.lower()}, "
        f"{number(len(path.placed), 'stage')} of run {path.run_id}. {told}. The table below holds the same stages."
    )


def _behind(rows: pd.DataFrame, path: Path, unit: Unit) -> go.Scatter | go.Scattergl:
    trace = go.Scattergl if len(rows) > MANY_POINTS else go.Scatter
    return trace(
        x=(rows[path.cost.column] / unit.size).to_numpy(np.float32),
        y=(rows[UPRIGHT] * 100).to_numpy(np.float32),
        text=[wording.point(row) for row in rows.to_dict("records")],
        customdata=rows["run_id"],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        name="Other points",
        marker={"color": FRONT_LINE, "size": SMALL, "opacity": FADED},
    )


def _discs(steps: Sequence[Step], path: Path, unit: Unit) -> dict[str, Any]:
    hollow = steps[0].source == "predicted"
    return {
        **_places(steps, unit),
        "mode": "markers+text",
        "text": [step.name.partition(".")[0] for step in steps],
        "textfont": {"color": COLOUR if hollow else "#FFFFFF"},
        "hovertext": [_hover(step, path) for step in steps],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "color": COLOUR,
            "size": DISC,
            "symbol": "circle-open" if hollow else "circle",
            "line": {"width": 2 if hollow else 0},
        },
    }


def _names(steps: Sequence[Step], unit: Unit, x_range: Sequence[float], y_range: Sequence[float]) -> dict[str, Any]:
    """Return a trace of the names, each beside its disc."""
    places = _places(steps, unit)
    across, up = (
        [(value - low) / (high - low) for value in values]
        for values, (low, high) in ((map(math.log10, places["x"]), x_range), (places["y"], y_range))
    )
    sides = _sides(across, up)
    texts = [step.name.partition(". ")[2] for step in steps]
    return {
        **places,
        "mode": "text",
        "text": [
            f"{GAP}{text}" if side == "right" else f"{text}{GAP}" for text, side in zip(texts, sides, strict=True)
        ],
        "textposition": [f"middle {side}" for side in sides],
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _sides(across: Sequence[float], up: Sequence[float]) -> list[str]:
    """Return on which side of its disc each name stands: the outer one, where no arrow passes, unless one is there.

    Args:
        across: where the discs are, as shares of the chart's width.
        up: likewise of its height.
    """
    sides: list[str] = []
    for place, (x, y) in enumerate(zip(across, up, strict=True)):
        outer, inner = ("left", "right") if x <= 0.5 else ("right", "left")
        near = (
            before for before in range(place) if abs(across[before] - x) < NEAR[0] and abs(up[before] - y) < NEAR[1]
        )
        sides.append(inner if any(sides[before] == outer for before in near) else outer)
    return sides


def _places(steps: Sequence[Step], unit: Unit) -> dict[str, list[float]]:
    return {
        "x": [(step.cost or 0.0) / unit.size for step in steps],
        "y": [(step.accuracy_val or 0.0) * 100 for step in steps],
    }


def _arrow(before: Step, after: Step, unit: Unit) -> dict[str, Any]:
    """Return an arrow; on a logarithmic axis an annotation stands at the logarithm."""
    (x, ax), (y, ay) = (_places([after, before], unit)[name] for name in ("x", "y"))
    return {
        "x": math.log10(x),
        "y": y,
        "ax": math.log10(ax),
        "ay": ay,
        "xref": "x",
        "yref": "y",
        "axref": "x",
        "ayref": "y",
        "text": "",
        "showarrow": (x, y) != (ax, ay),
        "arrowhead": 2,
        "arrowwidth": 2,
        "arrowcolor": COLOUR,
        "standoff": DISC / 2,
        "startstandoff": DISC / 2,
    }


def _hover(step: Step, path: Path) -> str:
    energy = FIGURES["energy_train_j"]
    cost = f"{path.cost.title}: {path.cost.text(step.cost)}"
    return "<br>".join(
        [
            f"<b>{step.name}</b>",
            f"{FIGURES[UPRIGHT].title}: {FIGURES[UPRIGHT].text(step.accuracy_val)}",
            f"{cost} ({step.remark})" if step.remark else cost,
            f"Energy of the stage: {energy.text(step.energy_j)} {sign(step.kind)}".rstrip(),
        ]
    )


def _padded(values: Sequence[float], least: float) -> list[float]:
    """Return a range around `values` of at least `least` on each side."""
    low, high = min(values), max(values)
    padding = max(PADDING * (high - low), least)
    return [low - padding, high + padding]
