"""What a run did stage by stage and epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from greenai_core.analysis import compare
from greenai_core.analysis.figures import FIGURES
from greenai_core.charts.looks import LAYOUT, OKABE_ITO, SHAPES, axis
from greenai_core.record import Record


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
        **LAYOUT,
        barmode="stack",
        legend_traceorder="normal",
        height=130 + 40 * len(records),
        xaxis={"title": axis(FIGURES["energy_train_j"], unit.name)},
        yaxis={"autorange": "reversed", "type": "category"},
    )


def curves(records: Sequence[Record], labels: Mapping[str, str]) -> go.Figure:
    """Draw the validation accuracy after each epoch, the stages of a run one after the other."""
    drawn, most = go.Figure(), 1
    for index, record in enumerate(records):
        points = [(stage.name, point) for stage in record.stages for point in stage.curve if "accuracy_val" in point]
        most = max(most, len(points))
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
        **LAYOUT,
        height=340,
        xaxis={"title": "Epoch, all stages counted", "dtick": max(1, most // 10)},
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
    for index, (column, name, scale, side, colour) in enumerate(lines):
        drawn.add_scatter(
            x=list(range(1, len(epochs) + 1)),
            y=[None if epoch[column] is None else epoch[column] * scale for epoch in epochs],
            text=[epoch["stage"] for epoch in epochs],
            mode="lines+markers",
            name=name,
            yaxis=side,
            hovertemplate=f"%{{text}}, epoch %{{x}}: %{{y:.4g}}<extra>{name}</extra>",
            marker={"symbol": SHAPES[index], "size": 6},
            line={"color": colour},
        )
    return drawn.update_layout(
        **LAYOUT,
        height=190,
        xaxis={"title": "Epoch, all stages counted", "dtick": max(1, len(epochs) // 10)},
        yaxis={"title": "Loss", "rangemode": "tozero"},
        yaxis2={"title": "Accuracy (%)", "overlaying": "y", "side": "right", "showgrid": False, "tickmode": "auto"},
    )
