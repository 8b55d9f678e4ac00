"""What is stored, the best of it, and the first step."""

from __future__ import annotations

import streamlit as st

from greenai_core.analysis.explore import Filters
from greenai_core.charts import trade_off
from greenai_core.examples import next_experiment
from greenai_core.jobs import queue
from greenai_core.jobs.states import LIVE
from pages.components import access, data, measuring, printed
from pages.components.picks import picks


def first_step() -> None:
    """One button: a run of one's own, on data that is already here."""
    allowed = access.current()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            "Train a small network on 1,797 handwritten digits that come with the product, remove 80 % of its "
            "channels, train what is left, and find your own point on the front. Less than half a minute, "
            "nothing to download.",
            width="stretch",
        )
        if st.button(
            "Run your first experiment",
            type="primary",
            icon=":material/rocket_launch:",
            key="first",
            disabled=not allowed.writable,
            help=allowed.reason or None,
        ):
            queue.submit([next_experiment()], access=allowed)
            st.switch_page("jobs.py")
    if not allowed.writable:
        st.caption(f":material/lock: {allowed.reason}")


def stored() -> None:
    live = sum(job.state in LIVE for job in queue.jobs())
    origins = table.loc[table["status"] == "succeeded", "origin"].value_counts()
    with st.grid(4, min_column_width=175):
        st.metric("Own runs", f"{origins.get('own', 0):,}", border=True)
        st.metric("Shipped runs", f"{origins.get('bank', 0):,}", border=True)
        st.metric("Published figures", f"{len(printed.tables()):,}", border=True)
        st.metric("Jobs at work", f"{live:,}", border=True)


def best() -> None:
    datasets = data.choices("dataset")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("Best picks", anchor=False)
        dataset = st.segmented_control(
            "Data set",
            datasets,
            default=datasets[0],
            required=True,
            key="dataset",
            bind="query-params",
            label_visibility="collapsed",
        )
    asked = data.asked(Filters(dataset=dataset))
    view = data.explore(asked)
    if view is None:
        st.caption(f"No run on {dataset} has both a known validation accuracy and a known file size.")
        return
    with st.grid(3, min_column_width=175):
        picks(asked, view)
    st.caption(f"Validation accuracy against file size on {dataset}. {view.subject} {view.left_out}")
    st.plotly_chart(
        data.chart(asked, view, "family"),
        key="front",
        height=330,
        alt=trade_off.describe(view),
        config={"displayModeBar": False},
    )
    st.page_link(
        "explore.py",
        label="Explore every cost and filter",
        icon=":material/scatter_plot:",
        query_params={"dataset": dataset},
    )


st.title("Smaller networks, and what they cost", anchor=False)
st.caption(
    "How much accuracy does a network lose when it is made smaller, and how much size, time and energy does that save? "
    "Every run here is trained and measured the same way."
)
table = data.runs()
first_step()
stored()
if (table["status"] == "succeeded").any():
    best()
else:
    st.info("Nothing is stored yet: the button above makes the first point.", icon=":material/science:")
measuring.section()
