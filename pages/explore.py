"""Accuracy against a chosen cost, with the runs that nothing beats."""

from __future__ import annotations

import streamlit as st

from greenai_core.analysis.choice import recommend
from greenai_core.analysis.explore import View
from greenai_core.analysis.machines import measured_on
from greenai_core.analysis.pareto import CHOSEN_BY
from greenai_core.analysis.ranks import dominated_share
from greenai_core.analysis.thinning import count
from greenai_core.charts import trade_off
from pages.components import (
    badge,
    chart_export,
    closer,
    controls,
    data,
    empty,
    measuring,
    once_drawn,
    recommended,
    runs,
    saved_views,
    seeds,
)
from pages.components.data import Asked
from pages.components.picks import picks

NAME = "accuracy_against_cost"
GROUP = "group"  # under which the one that is shown stands in the link
TIED = "Points with a thin ring are tied with the line: it beats them, but their intervals reach it."
PUBLISHED = (
    "Choosing by test accuracy would favour the runs that were lucky on these images, and promise more than they keep: "
    "choose on validation. Crosses are figures published by others."
)


def answers(asked: Asked, view: View) -> None:
    with st.grid(4, min_column_width=175, key="answers"):
        picks(asked, view)
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


def compared(view: View) -> None:
    """Offer the other groups of comparable runs, and say how sure the energies of this one are."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if view.others:  # without them nothing needs the runs of the view, which of very many take long to cut out
            controls.group(view.groups, view.front.id, key=GROUP)
        badge.badge(view.kind)


def conditions(view: View) -> None:
    tied = f" {TIED}" if view.front.table["tied"].any() else ""
    st.caption(
        "Every point is one recipe at the mean of its seeds, hollow where there is only one; bars are 95 % intervals. "
        f"No other point beats one on the line on both axes.{tied} {view.subject} {view.left_out}"
    )
    if view.accuracy.column != CHOSEN_BY:
        st.caption(f":material/warning: {PUBLISHED}")


def chart(asked: Asked, view: View, pick: str | None) -> set[str]:
    figure, said = data.chart(asked, view, st.session_state["by"], pick), trade_off.describe(view)
    event = st.plotly_chart(
        figure,
        key="chart",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config=chart_export.config(NAME, key="export"),
        alt=said,
    )
    chart_export.popover(figure, name=NAME, caption=said, key="export")
    conditions(view)
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
        runs.latex(ordered, view.figures, measured_on(chosen, view.figures), key="latex")
    if selected:
        seeds.more(view, rows, key="more-seeds-selected")


with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.title("Accuracy against cost", anchor=False, width="content")
    saved_views.bar()
table = data.runs()
if not (table["status"] == "succeeded").any():
    empty.nothing_stored()
else:
    asked = data.asked(controls.filters(), st.query_params.get(GROUP))
    view = data.explore(asked)
    if view is None:
        empty.nothing_matches()
    else:
        compared(view)
        plane = st.container()
        limited = recommended.ask() if once_drawn.told() else None
        found = recommend(view.front, recommended.of_link() if limited is None else recommended.limits())
        pick = found.run_id if found else None
        with plane:
            selected = chart(asked, view, pick)
        if limited is None:
            once_drawn.ask()
        else:
            with limited:
                recommended.say(view, found)
            answers(asked, view)
            below(view, selected)
            closer.section(asked, view, pick, selected)
measuring.section()
