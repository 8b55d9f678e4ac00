"""Accuracy against a chosen cost, with the runs that nothing beats."""

from __future__ import annotations

import streamlit as st

from greenai_core.analysis.explore import Filters, View, name_of
from greenai_core.analysis.pareto import CHOSEN_BY
from greenai_core.analysis.ranks import dominated_share
from greenai_core.analysis.thinning import count
from greenai_core.charts import trade_off
from pages.components import (
    badge,
    chart_export,
    controls,
    data,
    empty,
    lifetime,
    measuring,
    path,
    promised,
    recommended,
    runs,
    saved_views,
    space,
)
from pages.components.picks import picks

NAME = "accuracy_against_cost"
CLOSER = (LIFE, THIRD, PATH, PROMISED) = (
    "Energy over a model's life",
    "A third objective",
    "Stages of a recipe",
    "Promised and real",
)

PUBLISHED = (
    "Choosing by test accuracy would favour the runs that were lucky on these images, and promise more than they keep: "
    "choose on validation. Crosses are figures published by others."
)


def answers(filters: Filters, view: View) -> None:
    with st.grid(4, min_column_width=175, key="answers"):
        picks(filters, view)
        st.metric(
            "On the front",
            f"{int(view.front.mask.sum())} of {len(view.front.table)}",
            _dominated(view),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
            help="No other comparable point is better on one axis and at least as good on the other. The box lies "
            "between the best and the worst of these points, costs on a logarithmic scale (hypervolume); shares of "
            "other points do not compare with it.",
        )


def _dominated(view: View) -> str:
    share = dominated_share(view.front)
    return "points that nothing beats" if share is None else f"dominate {share * 100:.0f} % of the box"


def conditions(view: View) -> None:
    st.caption(
        "Every point is one recipe at the mean of its seeds, hollow where there is only one; bars are 95 % intervals. "
        f"No other point beats one on the line on both axes. {view.subject} {view.left_out}"
    )
    if view.accuracy.column != CHOSEN_BY:
        st.caption(f":material/warning: {PUBLISHED}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.group(view)
        badge.badge(view.kind)


def chart(filters: Filters, view: View, pick: str | None) -> set[str]:
    figure, said = data.chart(filters, view.front.id, st.session_state["by"], pick), trade_off.describe(view)
    event = st.plotly_chart(
        figure,
        key="chart",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config=chart_export.config(NAME, key="export"),
        alt=said,
    )
    chart_export.popover(figure, name=NAME, caption=said, key="export")
    if drawn := count(len(trade_off.shown(view)), len(view.front.table)):
        st.caption(f"{drawn} points; the whole front is, the others are thinned where they lie close.")
    return {trade_off.run_of(point) for point in event["selection"]["points"]} & set(view.front.table["run_id"])


def below(view: View, selected: set[str]) -> None:
    rows = view.front.table[view.front.table["run_id"].isin(selected)] if selected else view.front.points
    st.subheader("Selected points" if selected else "Points on the front", anchor=False)
    st.caption("Click points or draw a box in the chart to see them here; their runs are what is downloaded.")
    ordered, chosen = rows.sort_values(view.accuracy.column, ascending=False), view.runs_of(set(rows["run_id"]))
    runs.points(ordered, view.figures, alt="The points shown in the chart")
    with st.container(horizontal=True):
        runs.csv(chosen, "runs", key="csv")
        runs.csv(view.runs, "comparable_runs", key="csv-all", label="Download all that are drawn")
        runs.parquet(chosen, "runs", key="parquet")
        runs.latex(ordered, view.figures, name_of(view.front.keys, view.runs), key="latex")


def closer(filters: Filters, view: View, pick: str | None) -> None:
    """Show one of the longer answers; only the one that is asked for is worked out."""
    asked = st.segmented_control("Look closer", CLOSER, default=LIFE, required=True, key="closer", bind=controls.BIND)
    if asked == LIFE:
        lifetime.section(filters)
    elif asked == THIRD:
        space.section(filters, view.front.id)
    elif asked == PATH:
        path.section(view, data.runs(), pick)
    else:
        promised.section(view, filters.apply(data.runs()))


with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.title("Accuracy against cost", anchor=False, width="content")
    saved_views.bar()
table = data.runs()
if not (table["status"] == "succeeded").any():
    empty.nothing_stored()
else:
    filters = controls.filters()
    view = data.explore(filters, st.query_params.get("group"))
    if view is None:
        empty.nothing_matches()
    else:
        answers(filters, view)
        conditions(view)
        pick = recommended.section(view)
        below(view, chart(filters, view, pick))
        closer(filters, view, pick)
measuring.section()
