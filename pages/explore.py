"""Accuracy against a chosen cost, with the runs that nothing beats."""

from __future__ import annotations

import streamlit as st

from greenai_core.analysis.explore import Filters, View, name_of
from greenai_core.analysis.pareto import CHOSEN_BY
from greenai_core.analysis.ranks import dominated_share
from greenai_core.analysis.thinning import count
from greenai_core.charts import trade_off
from pages.components import badge, controls, data, empty, lifetime, measuring, recommended, runs
from pages.components.picks import picks

PUBLISHED = (
    "Choosing by test accuracy would favour the runs that were lucky on these images, and promise more than they keep: "
    "choose on validation. Crosses are figures published by others."
)


def answers(view: View) -> None:
    with st.grid(4, min_column_width=175, key="answers"):
        picks(view.runs)
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
    event = st.plotly_chart(
        data.chart(filters, view.front.id, st.session_state["by"], pick),
        key="chart",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False},
        alt=trade_off.describe(view),
    )
    if drawn := count(len(trade_off.shown(view)), len(view.front.table)):
        st.caption(f"{drawn} points; the whole front is, the others are thinned where they lie close.")
    return {trade_off.run_of(point) for point in event["selection"]["points"]} & set(view.front.table["run_id"])


def below(view: View, selected: set[str]) -> None:
    rows = view.front.table[view.front.table["run_id"].isin(selected)] if selected else view.front.points
    st.subheader("Selected points" if selected else "Points on the front", anchor=False)
    st.caption("Click points or draw a box in the chart to see them here; their runs are what is downloaded.")
    ordered = rows.sort_values(view.accuracy.column, ascending=False)
    runs.points(ordered, view.figures, alt="The points shown in the chart")
    with st.container(horizontal=True):
        runs.csv(view.runs_of(set(rows["run_id"])), "runs", key="csv")
        runs.csv(view.runs, "comparable_runs", key="csv-all", label="Download all that are drawn")
        runs.parquet(view.runs_of(set(rows["run_id"])), "runs", key="parquet")
        runs.latex(ordered, view.figures, name_of(view.front, view.runs), key="latex")


st.title("Accuracy against cost", anchor=False)
table = data.runs()
if not (table["status"] == "succeeded").any():
    empty.nothing_stored()
else:
    filters = controls.filters(table)
    view = data.explore(filters, st.query_params.get("group"))
    if view is None:
        empty.nothing_matches()
    else:
        answers(view)
        conditions(view)
        pick = recommended.section(view)
        below(view, chart(filters, view, pick))
        lifetime.section(filters.apply(table))
measuring.section()
