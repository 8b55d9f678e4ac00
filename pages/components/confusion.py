"""Which classes a run takes for which, and how two runs differ in that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from greenai_core.analysis import compare
from greenai_core.analysis.figures import FIGURES
from greenai_core.charts import confusion
from greenai_core.record import Record

QUIET = {"displayModeBar": False}
INKS: Final = {"light": "#16241D", "dark": "#E6EEEA"}
"""Colours of the text of a page, as in .streamlit/config.toml."""
SOME_BY_CHANCE = "Of many pairs the largest are shown: a difference of a few images may well be chance."


def of_one(record: Record) -> None:
    """Show the confusion matrix of a run."""
    if not record.confusion:
        _unknown(record)
        return
    st.caption("Test images by their true class and by what the model takes them for; mistakes are coloured.")
    st.plotly_chart(confusion.heat_map(record, _ink()), key="confusion", alt=confusion.describe(record), config=QUIET)
    pairs = confusion.mistakes(record)
    if pairs.empty:
        st.caption("Every test image is recognised.")
    else:
        st.dataframe(pairs, hide_index=True, alt="Pairs of classes confused most often", height="content")


def of_several(found: Sequence[Record]) -> None:
    """Show how the confusion matrix of a run differs from that of the first."""
    first, places = found[0], range(1, len(found))
    labels = list(compare.short_names(found).values())
    place = 1
    if len(places) > 1:
        place = st.selectbox("Against A", places, format_func=labels.__getitem__, key="confusion-of", width=420)
    other, title = found[place], f"{compare.letter(place)} - A"
    for record in (first, other):
        if not record.confusion:
            _unknown(record)
            return
    if not compare.comparable(FIGURES["accuracy"], first, other):
        st.info(
            f"{labels[0]} and {labels[place]} were tested {compare.UNLIKE['quality']}: their answers do not compare.",
            icon=":material/difference:",
        )
        return
    st.caption(f"Test images, {labels[place]} less {labels[0]}: orange is more often, blue is less often.")
    st.plotly_chart(
        confusion.difference(first, other, title, _ink()),
        key="confusion-difference",
        alt=confusion.describe_difference(first, other, title),
        config=QUIET,
    )
    pairs = confusion.changes(first, other, ("A", compare.letter(place), title))
    if pairs.empty:
        st.caption("Both take the same number of images of each class for each other one.")
    else:
        st.dataframe(pairs, hide_index=True, alt="Pairs of classes that differ most", height="content")
        st.caption(SOME_BY_CHANCE)


def _ink() -> str:
    return INKS["dark" if st.context.theme.type == "dark" else "light"]


def _unknown(record: Record) -> None:
    why = record.notes.get("confusion") or "it stored no predictions"
    st.info(f"Which classes run {record.run_id} confuses is unknown: {why}.", icon=":material/grid_off:")
