"""The front of three objectives: what nothing beats once a second cost counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, get_args

import plotly.graph_objects as go
import streamlit as st

from greenai_core.analysis import space
from greenai_core.analysis.explore import COSTS, Filters, Gathered
from greenai_core.analysis.figures import LIFETIME
from greenai_core.analysis.ranks import dominated_share
from greenai_core.analysis.space import Space
from greenai_core.analysis.thinning import count
from greenai_core.charts import parallel
from greenai_core.charts import space as space_chart
from greenai_core.charts.looks import ColourBy
from pages.components import badge, chart_export, controls, data, predictions, runs
from pages.components.controls import BIND
from pages.components.data import Asked

CHARTS: Final = {"3-D": space_chart, "Parallel coordinates": parallel}
GREYS: Final = {"light": "#C9D2CD", "dark": "#3D4B45"}
"""Of what stands back, on either page."""
QUESTION = (
    "A recipe that another one beats in accuracy and one cost may still be the one to take where a second cost counts."
)
USUAL: Final = ("Latency", "Size")
"""The third axis where nobody chose one: the first of these that is not drawn already."""
NAME = "front_of_three_objectives"
GROUP = "third_group"
"""Under which the group that is shown stands in the link."""


@st.fragment
def section(asked: Asked) -> None:
    """Rank the points of the view that is asked for by a further cost as well, and draw them."""
    st.subheader("A third objective", anchor=False)
    st.caption(QUESTION)
    with st.container(horizontal=True, vertical_alignment="bottom", key="third-axis"):
        others = [name for name in COSTS if name != asked.filters.cost]
        usual = next(name for name in USUAL if name in others)
        third = st.pills("Third axis", others, default=usual, required=True, key="third", bind=BIND, wrap=True)
        form = st.segmented_control("Drawn as", list(CHARTS), default="3-D", required=True, key="drawn_as", bind=BIND)
        if COSTS[third] == LIFETIME.column and not asked.filters.lasting:
            asked = replace(asked, filters=replace(asked.filters, predictions=predictions.slider()))
    found = _space(asked, third, st.query_params.get(GROUP))
    if found is None:
        st.info(f"No run here has a known {third.lower()} that could be ranked.", icon=":material/hourglass_empty:")
        return
    _told(found)
    by = st.session_state.get("by", get_args(ColourBy)[0])
    grey = GREYS["dark" if st.context.theme.type == "dark" else "light"]
    figure = _figure(asked, third, found.deep.front.id, form, by, grey, found)
    _drawn(found, figure, CHARTS[form].describe(found))
    _listed(found)


def _told(found: Space) -> None:
    """Say what is on the front, how energies were obtained, and what is left out; offer the other groups."""
    share = dominated_share(found.deep.front)
    box = "" if share is None else f" Together they dominate {share * 100:.0f} % of the box around these points."
    st.markdown(f"{found.sentence}{box}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        controls.group(found.deep.groups, found.deep.front.id, key=GROUP)
        for axis in found.axes:
            if kind := found.kind_of(axis):
                st.markdown(f"{axis.title} {badge.text(kind)}", width="content")
    if found.deep.left_out:
        st.caption(found.deep.left_out)


def _drawn(found: Space, figure: go.Figure, said: str) -> None:
    st.plotly_chart(figure, key="space", config=chart_export.config(NAME, key="export-space"), alt=said)
    if thinned := count(len(space.shown(found)), len(found.deep.front.table)):
        st.caption(f"{thinned} points; the whole front is, the others are thinned where they lie close.")
    chart_export.popover(figure, name=NAME, caption=said, key="export-space")


def _listed(found: Space) -> None:
    front = found.deep.front.points.sort_values(found.flat.accuracy.column, ascending=False)
    runs.points(front, found.deep.figures, alt="The points on the front of three objectives")
    runs.csv(found.deep.runs_of(set(front["run_id"])), NAME, key="csv-space", label="Download the runs of this front")


# Resources, as in `pages.components.data`, and for the reasons given there.
@st.cache_resource(max_entries=4, show_spinner=False)
def _gathered(version: str, source: Filters, third: str) -> Gathered:
    return space.gather(data.runs(version), source, third)


@st.cache_resource(max_entries=4, show_spinner=False)
def _space(asked: Asked, third: str, group: str | None) -> Space | None:
    flat = data.explore(asked)
    if flat is None:
        return None
    return space.space(_gathered(asked.version, asked.filters.source, third), flat, asked.filters, third, group)


@st.cache_resource(max_entries=16, show_spinner=False)
def _figure(asked: Asked, third: str, group: str, form: str, by: ColourBy, grey: str, _found: Space) -> go.Figure:
    return CHARTS[form].draw(_found, by=by, grey=grey)
