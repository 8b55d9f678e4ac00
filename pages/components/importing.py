"""Runs out of a file into the store, and all of them into a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from greenai_core import wording
from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.store import exchange
from greenai_core.store.reading import Format
from pages.components import access, refusal
from pages.components.provenance import PLAIN

FILE = "import"
"""Key of the uploader: what it holds, if anything."""


@dataclass(frozen=True)
class Outcome:
    """What came of a file, in one sentence; it is said as long as the file stands in the uploader."""

    file_id: str
    sentence: str
    refused: bool


def section() -> None:
    """Offer it behind a click, which stays open on what came of the file."""
    allowed = access.current()
    taken = st.session_state.get(FILE) is not None
    with st.expander("Import or export runs", icon=":material/upload_file:", expanded=taken):
        file = st.file_uploader(
            "Records as JSON, CSV or Parquet",
            type=list(get_args(Format)),
            key=FILE,
            disabled=not allowed.writable,
            help=allowed.reason or None,
        )
        st.caption(
            "As `python -m greenai_core records --out FILE` writes them. All of them are imported or, where one is "
            f"refused, none. A file of more than {st.get_option('server.maxUploadSize')} MB is for "
            "`python -m greenai_core records --import FILE`, which takes any size."
        )
        st.download_button(
            "Download own records",
            lambda: exchange.encode("parquet", "own"),
            "records.parquet",
            "application/vnd.apache.parquet",
            key="export-records",
            icon=":material/download:",
            on_click="ignore",
            help="every own record whole, with tags and notes, as an import takes it; the CSV above holds the table",
        )
        if file is not None:
            with refusal.shown():
                st.success(_sentence(file, allowed), icon=":material/check_circle:")


def _sentence(file: UploadedFile, allowed: Access) -> str:
    """Import a file that was not looked at yet; says what came of it, or raises the refusal."""
    known = st.session_state.get("imported")
    if known is None or known.file_id != file.file_id:
        known = _taken_in(file, allowed)
        st.session_state["imported"] = known
        if not known.refused:
            st.rerun()  # the table stands above
    if known.refused:
        raise BadInput(known.sentence)
    return str(known.sentence)


def _taken_in(file: UploadedFile, allowed: Access) -> Outcome:
    try:
        with st.spinner("Checking the records..."):
            found = exchange.import_upload(file.name, file, allowed)
    except BadInput as refused:
        return Outcome(file.file_id, str(refused).translate(PLAIN), True)
    sentence = f"{wording.number(found.stored, 'run')} imported"
    if found.known:
        sentence += f", {found.known:,} {'was' if found.known == 1 else 'were'} known already"
        sentence += wording.differing(found.differing, found.example.translate(PLAIN))
    return Outcome(file.file_id, f"{sentence}.", False)
