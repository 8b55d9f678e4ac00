"""What stands where there is nothing to show: what to do next."""

from __future__ import annotations

import streamlit as st


def nothing_stored() -> None:
    """Say how the first run comes about."""
    st.info(
        "No run is stored yet. The Overview page starts a first one that takes less than a minute.",
        icon=":material/science:",
    )
    with st.container(horizontal=True):
        st.page_link("overview.py", label="Run your first experiment", icon=":material/rocket_launch:")
        st.page_link("launch.py", label="Build your own", icon=":material/play_arrow:")


def nothing_matches() -> None:
    """Say how the filters could be widened."""
    st.info(
        "No run matches. Lower the least accuracy, widen the sparsity, take out a filter, include the bank, "
        "or launch such a run.",
        icon=":material/filter_alt_off:",
    )
    st.page_link("launch.py", label="Launch a run", icon=":material/play_arrow:")
