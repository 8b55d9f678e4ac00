"""What people write about runs: tags of one or several, a note of one, and both beside the runs in a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from greenai_core import wording
from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.spec import digest
from greenai_core.store import records, remarks
from greenai_core.store.remarks import NOTE_LENGTH, TAG_LENGTH
from pages.components import access, act


def beside(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Return the runs of one origin in the table of all, with the columns `tags` and `note`."""
    return _beside(records.version(), remarks.version(), origin, table)


# A resource, as the table of all runs is; one of each origin is kept, since of very many runs each takes 40 MB.
@st.cache_resource(max_entries=2, show_spinner=False)
def _beside(version: str, written: str, origin: str, _table: pd.DataFrame) -> pd.DataFrame:
    return remarks.beside(_table[_table["origin"] == origin])


def filtered(table: pd.DataFrame, every: Sequence[str]) -> pd.DataFrame:
    """Ask for tags, where any of `every` is in use; returns the runs that have one of those chosen."""
    if not every:
        return table
    wanted = st.multiselect("Tag", every, key="tag", bind="query-params", placeholder="All", width=190)
    if not wanted:
        return table
    return table[[not set(wanted).isdisjoint(remarks.parted(text)) for text in table["tags"]]]


def known(table: pd.DataFrame) -> list[str]:
    """Return the tags that runs of a table have, in alphabetical order."""
    return sorted({tag for text in table["tags"].unique() for tag in remarks.parted(text)})


def section(chosen: pd.DataFrame, every: Sequence[str]) -> None:
    """Show the tags that all of these runs have, and the note if it is one run; both can be changed.

    `every` are the tags that are offered.
    """
    with st.container(horizontal=True, key="annotations"):
        _tags(chosen, every)
        if len(chosen) == 1:
            _note(str(chosen["run_id"].iloc[0]))


def _tags(chosen: pd.DataFrame, every: Sequence[str]) -> None:
    run_ids, writable = list(chosen["run_id"]), access.current()
    shared = sorted(set.intersection(*(set(remarks.parted(text)) for text in chosen["tags"])))
    key = f"tags-{digest(run_ids)}"
    _follow(key, shared)
    st.multiselect(
        "Tags" if len(run_ids) == 1 else f"Tags of all {wording.number(len(run_ids), 'run')}",
        every,
        key=key,
        accept_new_options=True,
        placeholder="Choose or type a tag",
        help=writable.reason or f"Short words, at most {TAG_LENGTH} characters each; what only some have, stays.",
        on_change=_retag,
        args=(key, run_ids, shared, writable),
        disabled=not writable.writable,
        width=420,
    )


def _retag(key: str, run_ids: Sequence[str], before: Sequence[str], writable: Access) -> None:
    after = st.session_state[key]
    added, removed = [tag for tag in after if tag not in before], [tag for tag in before if tag not in after]
    act.perform(remarks.tag, run_ids, added, removed, writable)
    del st.session_state[f"{key}-was"]  # what is stored may be written otherwise, or was refused


def _note(run_id: str) -> None:
    writable, key = access.current(), f"note-{run_id}"
    stored = remarks.note(run_id)
    _follow(key, stored)
    with st.container():
        st.text_area(
            "Note",
            key=key,
            height=90,
            placeholder="What is worth knowing about this run",
            help=writable.reason or f"At most {NOTE_LENGTH:,} characters; saved when you leave the field.",
            on_change=_write,
            args=(key, run_id, writable),
            disabled=not writable.writable,
        )
        refused = st.session_state.get(f"{key}-refused")
        if refused and st.session_state[key] != stored:
            st.error(refused, icon=":material/block:")


def _write(key: str, run_id: str, writable: Access) -> None:
    """Keep the note; one that is refused stays in its field."""
    try:
        remarks.write_note(run_id, st.session_state[key], writable)
        st.session_state[f"{key}-refused"] = None
    except BadInput as refused:
        st.session_state[f"{key}-refused"] = str(refused)


def _follow(key: str, stored: object) -> None:
    """Let a field show what is stored whenever that changes; what is being typed stays otherwise."""
    if key not in st.session_state or st.session_state.get(f"{key}-was") != stored:
        st.session_state[f"{key}-was"] = st.session_state[key] = stored
