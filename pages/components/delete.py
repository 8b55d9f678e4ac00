"""Deleting own runs, after asking once; what was deleted goes to the bin."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from greenai_core import wording
from greenai_core.store import records
from pages.components import access, refusal


def buttons(selected: Sequence[str], shown: Sequence[str]) -> None:
    """Offer to delete the own runs that are selected, and all that are shown; asks first."""
    if selected:
        _button(f"Delete {wording.number(len(selected), 'run')}", selected, key="delete")
    _button(f"Delete all {len(shown):,} shown", shown, key="delete-all")


def _button(label: str, run_ids: Sequence[str], *, key: str) -> None:
    writable = access.current()
    if st.button(
        label, icon=":material/delete:", disabled=not writable.writable, key=key, help=writable.reason or None
    ):
        _confirm(run_ids)


@st.dialog("Delete runs?", icon=":material/delete:")
def _confirm(run_ids: Sequence[str]) -> None:
    st.write(
        f"{wording.number(len(run_ids), 'run')} will be out of every table, chart and export. For a day the bin holds "
        "them, with models, tags and notes, and they can be restored; then they are gone for good. What is on the Jobs "
        "page stays."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:", key="delete-confirmed"):
            with refusal.shown():
                records.delete(run_ids, access.current())
                st.rerun()
        if st.button("Keep", key="delete-not"):
            st.rerun()
