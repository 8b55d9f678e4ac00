"""From tables and records to plotly figures; colours and shapes of the whole product.

Colours are those of Okabe and Ito (https://jfly.uni-koeln.de/color/), told apart by people with any kind of colour
vision; the shape of a marker says the same again. A figure carries no theme: the page's light or dark theme applies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from greenai_core.analysis import compare
from greenai_core.analysis.explore import SPLITS, View
from greenai_core.analysis.figures import FIGURES, SIGNS, Figure
from greenai_core.record import Record
from greenai_core.registry import entry, names

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#8A8F8C")
SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon", "triangle-down")
FRONT_LINE = "#7A8A82"
FADED, SMALL, LARGE = 0.7, 8, 13
MIN_MARKS = 3
MANY_POINTS = 1500
"""From here on points are drawn by the graphics card."""
NAMES_IN_A_ROW, LEGEND_ROW = 5, 25
"""Of a legend above a chart: about so many names a row, and the height of a row; the plot keeps its own."""

ColourBy = Literal["technique", "model"]


def trade_off(view: View, *, by: ColourBy, rim: str, published: pd.DataFrame | None = None) -> go.Figure:
    """Draw accuracy against cost: dominated points faded, the front rimmed and joined by steps.

    Args:
        view: what to draw.
        by: which column decides about colour and shape.
        rim: colour around the points of the front; that of the page's background.
        published: reference points with the columns `label`, the cost and the accuracy of the view; hollow crosses.

    Returns:
        A figure whose points carry their run_id as customdata.
    """
    drawn = go.Figure()
    unit = view.cost.quantity.common_unit(view.front.table[view.cost.column])
    looks = _looks(by, view.front.table[by].unique())
    trace = go.Scattergl if len(view.front.table) > MANY_POINTS else go.Scatter
    for name, look in looks.items():
        rows = view.front.table[(view.front.table[by] == name) & ~view.front.mask]
        drawn.add_trace(
            trace(
                **_points(rows, view, unit.size),
                name=name,
                legendgroup=name,
                showlegend=False,
                marker={**look, "size": SMALL, "opacity": FADED},
            )
        )
    ordered = view.front.points.sort_values(view.cost.column)
    drawn.add_scatter(
        x=ordered[view.cost.column] / unit.size,
        y=ordered[view.accuracy.column] * 100,
        mode="lines",
        name="Pareto front",
        line={"shape": "hv", "width": 2, "color": FRONT_LINE},
        hoverinfo="skip",
    )
    for name, look in looks.items():
        rows = view.front.points[view.front.points[by] == name]
        marker = {**look, "size": LARGE, "line": {"width": 1.5, "color": rim}}
        drawn.add_scatter(
            **_points(rows, view, unit.size), name=name, legendgroup=name, showlegend=False, marker=marker
        )
        drawn.add_scatter(x=[None], y=[None], mode="markers", name=name, legendgroup=name, marker={**look, "size": 10})
    if published is not None and not published.empty:
        drawn.add_scatter(
            x=published[view.cost.column] / unit.size,
            y=published[view.accuracy.column] * 100,
            mode="markers",
            name="Published by others",
            text=published["label"],
            hovertemplate="%{text}<extra></extra>",
            marker={"symbol": "x-thin", "size": 11, "line": {"width": 2, "color": FRONT_LINE}},
        )
    drawn.update_layout(
        **_LAYOUT,
        height=460 + LEGEND_ROW * max(0, len(looks) // NAMES_IN_A_ROW - 1),
        hovermode="closest",
        dragmode="select",
        uirevision=view.front.id,
        xaxis={
            "title": _axis(view.cost, unit.name),
            "type": "log",
            **_ticks(view.front.table[view.cost.column] / unit.size),
        },
        yaxis={"title": f"{view.accuracy.title} (%)"},
    )
    return drawn


def describe(view: View) -> str:
    """Say in words what `trade_off` draws, for those who cannot see it."""
    best = view.front.points.sort_values(view.accuracy.column).iloc[-1]
    return (
        f"Scatter of {view.accuracy.title.lower()} against {view.cost.title.lower()} for {len(view.front.table)} runs; "
        f"{int(view.front.mask.sum())} lie on the Pareto front. The most accurate reaches "
        f"{view.accuracy.text(best[view.accuracy.column])} at {view.cost.text(best[view.cost.column])}. "
        "The table below holds the same runs."
    )


def run_of(point: Mapping[str, Any]) -> str:
    """Return the run_id of a point that was selected in a chart."""
    custom = point.get("customdata")
    return str(custom[0] if isinstance(custom, list | tuple) else custom)


def stage_costs(records: Sequence[Record], labels: Mapping[str, str]) -> go.Figure:
    """Draw one bar per run, stacked from the training energy of its stages and of those of its teachers.

    `labels` maps run_id to a short name.
    """
    costs = [(labels[r.run_id], name, part.energy_j) for r in records for name, part in compare.parts(r).items()]
    known = [(run, stage, joules) for run, stage, joules in costs if joules is not None]
    unit = FIGURES["energy_train_j"].quantity.common_unit([joules for *_, joules in known])
    drawn = go.Figure()
    for index, stage in enumerate(dict.fromkeys(stage for _, stage, _ in known)):
        rows = [(run, joules / unit.size) for run, name, joules in known if name == stage]
        drawn.add_bar(
            y=[run for run, _ in rows],
            x=[value for _, value in rows],
            name=stage,
            orientation="h",
            marker={"color": OKABE_ITO[index % len(OKABE_ITO)]},
            hovertemplate=f"{stage}: %{{x:.3g}} {unit.name}<extra></extra>",
        )
    return drawn.update_layout(
        **_LAYOUT,
        barmode="stack",
        legend_traceorder="normal",
        height=130 + 40 * len(records),
        xaxis={"title": _axis(FIGURES["energy_train_j"], unit.name)},
        yaxis={"autorange": "reversed", "type": "category"},
    )


def curves(records: Sequence[Record], labels: Mapping[str, str]) -> go.Figure:
    """Draw the validation accuracy after each epoch, the stages of a run one after the other."""
    drawn = go.Figure()
    for index, record in enumerate(records):
        points = [(stage.name, point) for stage in record.stages for point in stage.curve if "accuracy_val" in point]
        drawn.add_scatter(
            x=list(range(1, len(points) + 1)),
            y=[point["accuracy_val"] * 100 for _, point in points],
            text=[name for name, _ in points],
            mode="lines+markers",
            name=labels[record.run_id],
            hovertemplate="%{text}, epoch %{x}: %{y:.2f} %<extra></extra>",
            marker={"symbol": SHAPES[index % len(SHAPES)], "size": 8},
            line={"color": OKABE_ITO[index % len(OKABE_ITO)]},
        )
    return drawn.update_layout(
        **_LAYOUT,
        height=340,
        xaxis={"title": "Epoch, all stages counted", "dtick": 1},
        yaxis={"title": "Validation accuracy (%)"},
    )


def progress(epochs: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Draw loss and validation accuracy after each epoch of a job so far, each on an axis of its own.

    Args:
        epochs: as of `greenai_core.jobs.queue.curve`.
    """
    drawn = go.Figure()
    lines = (
        ("loss", "Loss", 1.0, "y", OKABE_ITO[1]),
        ("accuracy_val", "Validation accuracy (%)", 100.0, "y2", OKABE_ITO[0]),
    )
    for index, (column, name, scale, axis, colour) in enumerate(lines):
        drawn.add_scatter(
            x=list(range(1, len(epochs) + 1)),
            y=[None if epoch[column] is None else epoch[column] * scale for epoch in epochs],
            text=[epoch["stage"] for epoch in epochs],
            mode="lines+markers",
            name=name,
            yaxis=axis,
            hovertemplate=f"%{{text}}, epoch %{{x}}: %{{y:.4g}}<extra>{name}</extra>",
            marker={"symbol": SHAPES[index], "size": 6},
            line={"color": colour},
        )
    return drawn.update_layout(
        **_LAYOUT,
        height=190,
        xaxis={"title": "Epoch, all stages counted", "dtick": max(1, len(epochs) // 10)},
        yaxis={"title": "Loss", "rangemode": "tozero"},
        yaxis2={"title": "Accuracy (%)", "overlaying": "y", "side": "right", "showgrid": False, "tickmode": "auto"},
    )


_LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
}


def _axis(cost: Figure, unit: str) -> str:
    if cost.title in unit:
        return unit
    return f"{cost.title} ({unit} per {cost.per})" if cost.per else f"{cost.title} ({unit})"


def _ticks(values: pd.Series) -> dict[str, Any]:
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


def _points(rows: pd.DataFrame, view: View, size: float) -> dict[str, Any]:
    return {
        "x": rows[view.cost.column] / size,
        "y": rows[view.accuracy.column] * 100,
        "customdata": rows["run_id"],
        "text": [_hover(row, view) for row in rows.to_dict("records")],
        "hovertemplate": "%{text}<extra></extra>",
        "mode": "markers",
    }


def _hover(row: dict[str, Any], view: View) -> str:
    sparsity = f", sparsity {row['sparsity']:.2f}" if row["sparsity"] else ""
    temperature = "" if pd.isna(row["temperature"]) else f", temperature {row['temperature']:g}"
    glyph = f" {SIGNS[view.kind]} {view.kind}" if view.kind else ""
    accuracies = "<br>".join(f"{FIGURES[name].title}: {FIGURES[name].text(row[name])}" for name in SPLITS.values())
    return (
        f"<b>{row['model']}, {row['technique']}</b>{sparsity}{temperature}, seed {row['seed']}<br>"
        f"{accuracies}<br>"
        f"{view.cost.title}: {view.cost.text(row[view.cost.column])}{glyph}<br>"
        f"{row['run_id']}"
    )


def _looks(by: ColourBy, shown: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Give every family a shape and each of its names a colour, the same in every chart.

    Where a family has more names than there are colours, the shapes of the others are open.
    """
    known = ("dense", *names("techniques")) if by == "technique" else names("models")
    families: dict[str, list[str]] = {}
    for name in (*known, *sorted(set(shown) - set(known))):
        families.setdefault(_family(by, name), []).append(name)
    return {
        name: {
            "color": OKABE_ITO[(place + 3 * index) % len(OKABE_ITO)],
            "symbol": SHAPES[index % len(SHAPES)] + ("-open" if place >= len(OKABE_ITO) else ""),
        }
        for index, members in enumerate(families.values())
        for place, name in enumerate(members)
        if name in shown
    }


def _family(by: ColourBy, name: str) -> str:
    kind: Literal["techniques", "models"] = "techniques" if by == "technique" else "models"
    known = "train" if name == "dense" else name
    if known not in names(kind):
        return name
    return re.sub(r"\W+", " ", entry(kind, known).describe()["family"]) or name
