"""Deleting own runs, after asking."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from greenai_core import wording
from greenai_core.store import records
from pages.components import access, refusal


def button(run_ids: Sequence[str], *, allowed: bool) -> None:
    """Offer to delete own runs; asks first. Records of the bank stay."""
    writable = access.current()
    if allowed and st.button(
        f"Delete {wording.number(len(run_ids), 'run')}",
        icon=":material/delete:",
        disabled=not writable.writable,
        key="delete",
        help=writable.reason or None,
    ):
        _confirm(run_ids)


@st.dialog("Delete runs?", icon=":material/delete:")
def _confirm(run_ids: Sequence[str]) -> None:
    st.write(
        f"{wording.number(len(run_ids), 'run')} will be gone from this store for good; what is on the Jobs page stays."
    )
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:", key="delete-confirmed"):
            with refusal.shown():
                records.delete(run_ids, access.current())
                st.rerun()
        if st.button("Keep", key="delete-not"):
            st.rerun()
