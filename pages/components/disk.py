"""What is stored takes room: how much, and clearing what nothing refers to."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core import units, wording
from greenai_core.store import disk, eviction
from greenai_core.store.disk import Usage
from pages.components import access, deleted, refusal
from pages.components.provenance import PLAIN

KINDS: dict[disk.Kind, str] = {
    "models": "Deployed models",
    "bin": "Models of deleted runs",
    "checkpoints": "Prefix checkpoints",
    "resume": "Resume snapshots",
    "data": "Data set",
    "database": "Database",
}

EXPLAINED = """
**Prefix checkpoints** spare a run the stages that an earlier one has trained. **Resume snapshots** let a run that was
lost go on where it was. A file is **unreferenced** when no record names it, no run can need it and it is older than an
hour: clearing it loses no result. Data sets are never removed here, they may be your own.
"""


def section() -> None:
    """Show it behind a click; sizes are looked up only then."""
    opened = st.expander("What does this take on disk?", icon=":material/hard_drive:", key="disk", on_change="rerun")
    if not opened.open:
        return
    with opened, refusal.shown():
        deleted.section()
        found = disk.usage()
        if not any(usage.files for usage in found if usage.kind != "database"):
            st.info("Nothing but the database yet: models and checkpoints come with the first run.")
            return
        st.table(_table(found), border="horizontal", hide_index=True, alt="Files and sizes by kind")
        _cap(next(usage.size_bytes for usage in found if usage.kind == "checkpoints"))
        st.markdown(EXPLAINED)
        _offer(found)


def _table(found: tuple[Usage, ...]) -> pd.DataFrame:
    rows = [
        {
            "What": f"{KINDS[usage.kind]} {usage.name}".strip().translate(PLAIN),
            "Files": f"{usage.files:,}",
            "Size": units.BYTES.text(usage.size_bytes),
            "Unreferenced": _unreferenced(usage),
        }
        for usage in found
    ]
    total = {"What": "**All**", "Files": f"{sum(usage.files for usage in found):,}", "Unreferenced": ""}
    return pd.DataFrame([*rows, {**total, "Size": units.BYTES.text(sum(usage.size_bytes for usage in found))}])


def _unreferenced(usage: Usage) -> str:
    if usage.kind in ("data", "database"):
        return "never cleared"
    if usage.kind == "bin":
        return "once the bin is emptied"
    return units.BYTES.text(usage.unreferenced_bytes) if usage.unreferenced_files else "none"


def _cap(used: int) -> None:
    cap = eviction.cap_bytes()
    st.progress(
        min(1.0, used / cap),
        f"Prefix checkpoints fill {units.BYTES.text(used)} of {units.BYTES.text(cap)} (GREENAI_CHECKPOINTS_CAP_MB). "
        "Above that, those used least recently go.",
    )


def _offer(found: tuple[Usage, ...]) -> None:
    """Offer to clear what nothing refers to, or say why there is nothing to clear."""
    files, size_bytes = sum(usage.unreferenced_files for usage in found), sum(u.unreferenced_bytes for u in found)
    writable = access.current()
    if files and st.button(
        f"Clear {wording.number(files, 'unreferenced file')} ({units.BYTES.text(size_bytes)})",
        icon=":material/mop:",
        disabled=not writable.writable,
        key="clear",
        help=writable.reason or None,
    ):
        _confirm(files, size_bytes)
    if not files:
        st.caption("Nothing is unreferenced.")
    elif not writable.writable:
        st.caption(f":material/lock: {writable.reason}")
    if held := disk.in_use():
        st.caption(f":material/hourglass_top: {held}")


@st.dialog("Clear unreferenced files?", icon=":material/mop:")
def _confirm(files: int, size_bytes: int) -> None:
    st.write(
        f"{wording.number(files, 'file')} ({units.BYTES.text(size_bytes)}) will be gone for good. No record names any "
        "of them; a later run may have to train a stage again."
    )
    with st.container(horizontal=True):
        if st.button("Clear", type="primary", icon=":material/mop:", key="clear-confirmed"):
            with refusal.shown():
                cleared = disk.clear(access.current())
                st.toast(
                    f"{wording.number(cleared.files, 'file')} cleared, {units.BYTES.text(cleared.size_bytes)}.",
                    icon=":material/mop:",
                )
                st.rerun()
        if st.button("Keep", key="clear-not"):
            st.rerun()
