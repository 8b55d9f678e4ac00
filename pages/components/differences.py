"""The figures of several runs beside each other, and how sure it is that they differ."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from greenai_core.analysis import compare
from greenai_core.record import Record
from greenai_core.store import records
from pages.components import data

LEGEND = "● measured, ◐ apportioned, ○ estimated"


def of_several(found: Sequence[Record]) -> None:
    """Show the figures of runs and their differences from the first."""
    told = _told(records.version(), tuple(record.run_id for record in found), found)
    st.dataframe(
        compare.side_by_side(found, told),
        hide_index=True,
        column_config={"Figure": st.column_config.Column(pinned=True, width=200)},
        height="content",
        alt="Figures of the selected runs, side by side, and how they differ from the first",
    )
    said = [*compare.verdicts(found, told), f"Energy: {LEGEND}.", *compare.bases(told)]
    st.caption("\n".join(f"- {sentence}" for sentence in said))


@st.cache_data(max_entries=16, show_spinner=False)
def _told(version: str, run_ids: tuple[str, ...], _found: Sequence[Record]) -> compare.Told:
    return compare.against_first(_found, data.runs())
