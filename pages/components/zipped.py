"""Sizes of stored files once they are zipped; each file is read and zipped once."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import streamlit as st

from greenai_core.analysis.promised import zipped_bytes
from greenai_core.settings import settings
from greenai_core.store import artifacts
from greenai_core.store.artifacts import NotStored
from pages.components import data


def sizes(version: str, run_ids: Iterable[str]) -> dict[str, int]:
    """Return by run_id the zipped bytes of those runs whose file is stored, as of a version of the store."""
    found = {}
    with st.spinner("Zipping the stored files, each once"):
        for run_id, uri in _files(version, tuple(run_ids)):
            with suppress(NotStored):  # removed since
                found[run_id] = _zipped(settings().artifacts, uri)
    return found


@st.cache_data(max_entries=8, show_spinner=False)
def _files(version: str, run_ids: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return run and file of those whose file is there; another one may be with the next version."""
    named = ((run_id, data.record(run_id).provenance.get("model_uri")) for run_id in run_ids)
    return [(run_id, uri) for run_id, uri in named if uri and artifacts.exists(uri)]


@st.cache_data(max_entries=10_000, show_spinner=False)
def _zipped(store: str, uri: str) -> int:
    return zipped_bytes(artifacts.read(uri))
