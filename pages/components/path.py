"""What the stages of one recipe did to accuracy and cost."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
import streamlit as st

from greenai_core import wording
from greenai_core.analysis.after_stage import beside, spec_until
from greenai_core.analysis.explore import View
from greenai_core.analysis.path import Path, path, table, telling
from greenai_core.charts import path as path_chart
from greenai_core.charts import trade_off
from greenai_core.jobs import previews
from greenai_core.record import Record
from greenai_core.wording import number
from pages.components import chart_export, data, refusal, remembered
from pages.components.controls import BIND

QUESTION = (
    "Every arrow is a stage: from what the one before had left to what this one left. Accuracy is that on validation, "
    "which is known after every stage; bytes and timings are those of files, and only the last stage leaves one."
)
PREDICTABLE = "size_bytes"
"""What follows from the shapes of an untrained network."""
JOINED = " > "
"""Stands between the stages of a point."""
NAME = "path_of_a_recipe"
KEY = "path"
"""Under which the run that is shown stands in the link."""


def section(view: View, runs: pd.DataFrame, pick: str | None = None, selected: Collection[str] = ()) -> None:
    """Show the stages of one run as arrows over the view, and as a table.

    Args:
        view: what the path is drawn over.
        runs: all runs, as of `greenai_core.store.records.table`.
        pick: run_id of the recommended point, which is shown until another is chosen.
        selected: run_ids of points that are offered although they are not on the front.
    """
    st.subheader("The path of one recipe", anchor=False)
    st.caption(QUESTION)
    named = _offered(view, {pick, st.query_params.get(KEY), *selected})
    if not named:
        st.info(
            "No recipe that is on the front or selected has more than one stage, so there is no path.",
            icon=":material/timeline:",
        )
        return
    _chosen(view, runs, named, pick if pick in named else next(iter(named)))


@st.fragment
def _chosen(view: View, runs: pd.DataFrame, named: dict[str, str], default: str) -> None:
    """Ask for a run and show it; only this part of the page is drawn anew."""
    with refusal.shown():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            record = data.record(remembered.choice("Recipe", named, default, key=KEY, width=620))
            predicted = _predicted(path(record, view.cost, runs), record)
        _shown(view, runs, record, predicted)


def _predicted(found: Path, record: Record) -> dict[int, float]:
    """Offer to predict sizes that no file tells; asks the process of previews, since that takes torch."""
    if found.cost.column != PREDICTABLE or not found.unknown:
        return {}
    wanted = st.toggle(
        "Predict sizes of stages without a file",
        key="path_predicted",
        bind=BIND,
        help="From the shapes of the untrained network, within 3 % of what would be exported; takes a few seconds.",
    )
    if not wanted:
        return {}
    with refusal.shown(), st.spinner("Walking the recipe without training ..."):
        ends = {place: previews.ask(spec_until(record, place), again=False)["after"] for place in found.unknown}
        return {place: float(end[PREDICTABLE][0]) for place, end in ends.items() if end[PREDICTABLE] is not None}
    return {}


def _shown(view: View, runs: pd.DataFrame, record: Record, predicted: dict[int, float]) -> None:
    wanted = path(record, view.cost, runs, predicted)
    found = telling(wanted, record, runs)
    seeds = int(view.front.table.set_index("run_id").loc[record.run_id, "seeds"])
    one_of = f", one of the {number(seeds, 'seed')} of its point" if seeds > 1 else ""
    st.caption(f"Run {record.run_id}, seed {record.seed}{one_of}.")
    if found is not wanted:
        st.caption(
            f":material/swap_horiz: {wanted.cost.title} is known after {number(len(wanted.placed), 'stage')} only, so "
            f"the axis shows {found.cost.title.lower()} instead."
        )
    if found.placed:
        _drawn(found, beside(record, found.cost, view.front.table.iloc[trade_off.shown(view)]))
    st.dataframe(table(found), hide_index=True, height="content", alt="The stages of the run")


def _drawn(found: Path, behind: pd.DataFrame) -> None:
    figure, said = path_chart.draw(found, behind), path_chart.describe(found)
    st.plotly_chart(figure, key="path-chart", config=chart_export.config(NAME, key="export-path"), alt=said)
    missing = len(found.steps) - len(found.placed)
    left_out = f" {number(missing, 'stage')} without a place left out; the table says why." if missing else ""
    st.caption(f"Double-click draws the axes out to all points.{left_out}")
    chart_export.popover(figure, name=NAME, caption=said, key="export-path")


def _offered(view: View, others: Collection[str | None]) -> dict[str, str]:
    """Return by run_id what to call the points of the front, and the others, that took several stages."""
    points = view.front.table
    several = points["techniques"].str.contains(JOINED, regex=False, na=False)
    rows = points[several & (view.front.mask | points["run_id"].isin(others))]
    return {
        row["run_id"]: f"{wording.point(row)}: {view.accuracy.text(row[view.accuracy.column])}, "
        f"{view.cost.text(row[view.cost.column])}"
        for row in rows.sort_values(view.accuracy.column, ascending=False).to_dict("records")
    }
