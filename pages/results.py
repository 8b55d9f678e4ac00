"""The stored tables: own runs, the shipped bank, and figures published by others beside our own."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.explore import choices
from greenai_core.store import records
from greenai_core.wording import number
from pages.components import (
    annotate,
    data,
    delete,
    deleted,
    disk,
    empty,
    importing,
    inspect,
    measuring,
    printed,
    runs,
    spending,
)

VIEWS = ("Own", "Bank", "Published", "Energy")


def filtered(table: pd.DataFrame) -> pd.DataFrame:
    """One row of filters; the headings of the table sort, and its magnifier searches."""
    tags = annotate.known(table)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, column in (("Data set", "dataset"), ("Model", "model"), ("Technique", "technique")):
            wanted = st.multiselect(
                label, choices(table, column), key=column, bind="query-params", placeholder="All", width=190
            )
            if wanted:
                table = table[table[column].isin(wanted)]
        return annotate.filtered(table, tags)


def stored(origin: str) -> None:
    own = origin == "own"
    if own:
        deleted.undo()
    table = annotate.beside(data.runs(), origin)
    if table.empty:
        if own:
            empty.nothing_stored()
        else:
            st.info(
                "No bank of measured records came with this copy. Your own runs are under Own.",
                icon=":material/inventory_2:",
            )
        return
    shown = filtered(table).reset_index(drop=True)
    if shown.empty:
        empty.nothing_matches()
        return
    st.caption(
        f"{len(shown):,} of {number(len(table), 'run')}. Select one (its box, or Shift+Space) to see all of it, two or "
        "more to compare them."
    )
    selected = runs.choose(shown, alt="Stored runs, one per row")
    with st.container(horizontal=True):
        runs.csv(shown, f"{origin}_runs", key="csv")
        if own:
            delete.buttons(selected, list(shown["run_id"]))
    if selected:
        annotate.section(shown[shown["run_id"].isin(selected)], annotate.known(table))
    if len(selected) == 1:
        inspect.one(records.load(selected[0]))
    elif selected:
        inspect.several([records.load(run_id) for run_id in selected])


def published() -> None:
    table = printed.beside(data.runs())
    st.caption(
        "Figures as others printed them, and beside them the mean over the seeds of one recipe of ours that did the "
        "same: of several, the one that is best on validation. A note says where a print is in doubt."
    )
    runs.published(table)
    st.download_button(
        "Download CSV",
        lambda: table.to_csv(index=False).encode(),
        "published.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


st.title("Results", anchor=False)
view = st.segmented_control(
    "Show",
    VIEWS,
    default="Own",
    required=True,
    key="show",
    bind="query-params",
    label_visibility="collapsed",
    help="your own runs, the measured records that came with the product, figures published by others, and where the "
    "joules of all own runs went",
)
if view == "Published":
    published()
elif view == "Energy":
    spending.section()
else:
    stored(view.lower())
    if view == "Own":
        importing.section()
measuring.section()
disk.section()
