"""What was deleted and can be restored: at the top of the table for a while, in the bin for a day."""

from __future__ import annotations

import streamlit as st

from greenai_core import units, wording
from greenai_core.store import deletions
from greenai_core.store.deletions import KEPT_S, Deletion
from pages.components import access, act

OFFERED_S = 900.0
"""Beside the table, a deletion is offered to be undone for so long."""


def undo() -> None:
    """Show a line for each recent deletion that undoes it."""
    deletions.expire()
    recent = [deletion for deletion in deletions.waiting() if deletion.ago_s < OFFERED_S]
    if recent:
        with st.container(gap=None, key="undo"):
            for deletion in recent:
                said = f"{wording.number(deletion.runs, 'run')} deleted."
                _line(deletion, said, "Undo", ":material/undo:")


def section() -> None:
    """Show the bin, where there is something in it."""
    deletions.expire()
    found = deletions.waiting()
    if not found:
        return
    with st.container(border=True, key="bin"):
        runs = wording.number(sum(deletion.runs for deletion in found), "run")
        st.markdown(f":material/delete: **The bin holds {runs}.** Each is gone for good a day after it was deleted.")
        with st.container(height=260 if len(found) > 5 else "content", gap=None):
            for deletion in found:
                when = f"deleted {units.rough(deletion.ago_s)} ago, {units.rough(KEPT_S - deletion.ago_s)} left"
                said = f"{wording.number(deletion.runs, 'run')}, {when}"
                _line(deletion, said, "Restore", ":material/restore_from_trash:")
        act.after_asking(
            "Empty the bin",
            f"{runs} will be gone for good, with models, tags and notes.",
            f"Remove {runs} for good",
            deletions.empty,
            access=access.current(),
            key="empty-bin",
            icon=":material/delete_forever:",
        )


def _line(deletion: Deletion, said: str, label: str, icon: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(said, width="content")
        act.button(
            label,
            deletions.restore,
            deletion.id,
            access=access.current(),
            key=f"{label.lower()}-{deletion.id}",
            icon=icon,
            type="tertiary",
        )
