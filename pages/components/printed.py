"""The tables published by others, cached until their files change."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core import settings
from greenai_core.analysis import published
from greenai_core.store import records, reference

Version = tuple[tuple[str, int], ...]
"""Name and time of change of every file."""


def version() -> Version:
    """Return what changes with the files."""
    return tuple((file.name, file.stat().st_mtime_ns) for file in sorted(settings.REFERENCE.glob("*.csv")))


def tables() -> pd.DataFrame:
    """Return the tables as they stand in their files now."""
    return _tables(version())


def beside(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the tables with our own figures beside each row; `runs` are all runs of the store."""
    return _beside(records.version(), version(), runs)


@st.cache_data(max_entries=2, show_spinner=False)
def _tables(printed: Version) -> pd.DataFrame:
    return reference.published()


@st.cache_data(max_entries=2, show_spinner=False)
def _beside(stored: str, printed: Version, _runs: pd.DataFrame) -> pd.DataFrame:
    return published.beside_ours(_tables(printed), _runs)
