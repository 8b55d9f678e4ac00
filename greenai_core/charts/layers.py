"""Where the bytes of a deployed file are: its layers, and what is left."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from greenai_core.analysis.figures import FIGURES
from greenai_core.analysis.layers import REST, fewer, parts
from greenai_core.charts.looks import LAYOUT, LEGEND_ROW, NAMES_IN_A_ROW, OKABE_ITO, axis
from greenai_core.layer_sizes import Sizes

*COLOURS, LEFT = OKABE_ITO
DRAWN = len(COLOURS) - 1
"""As many layers have a colour of their own; one is for all others together, grey for what is no layer."""


def size_by_layer(found: Mapping[str, Sizes]) -> go.Figure:
    """Draw one bar per run, stacked from the bytes of its layers and of the rest of its file.

    Args:
        found: the sizes by the name of the run.
    """
    figure = FIGURES["size_bytes"]
    unit = figure.quantity.common_unit([float(sizes.total_bytes) for sizes in found.values()])
    shown = fewer(parts(found), DRAWN)
    drawn = go.Figure()
    for index, part in enumerate(shown):
        drawn.add_bar(
            y=list(part.size_bytes),
            x=[size / unit.size for size in part.size_bytes.values()],
            name=part.name,
            orientation="h",
            marker={"color": LEFT if part.name == REST else COLOURS[index]},
            text=[
                f"{size:,} bytes, {size / found[run].total_bytes:.1%} of the file".replace("%", " %")
                for run, size in part.size_bytes.items()
            ],
            textposition="none",
            hovertemplate=f"{' '.join([part.name, *([part.kind] if part.kind not in part.name else [])])}: "
            "%{text}<extra></extra>",
        )
    return drawn.update_layout(
        **LAYOUT,
        barmode="stack",
        legend_traceorder="normal",
        height=130 + 40 * len(found) + LEGEND_ROW * (len(shown) // NAMES_IN_A_ROW),
        xaxis={"title": axis(figure, unit.name)},
        yaxis={"autorange": "reversed", "type": "category"},
    )


def describe(found: Mapping[str, Sizes]) -> str:
    """Say in words what `size_by_layer` draws, for those who cannot see it."""
    text = FIGURES["size_bytes"].text
    told = []
    for run, sizes in found.items():
        largest = max(parts({run: sizes}), key=lambda part: part.size_bytes[run])
        told.append(
            f"{run}: {text(sizes.total_bytes)} in {len(sizes.layers)} layers, "
            f"{text(largest.size_bytes[run])} of it for {largest.name}"
        )
    return f"One bar per run, stacked from the bytes of its layers. {'; '.join(told)}. The table below holds all parts."
