"""Who is looking: this computer, or somebody else with or without the launch token."""

from __future__ import annotations

import streamlit as st

from greenai_core.jobs.access import Access


def current() -> Access:
    """Return what this session may do; greenai_core enforces it, pages only show it."""
    return Access.of_dashboard(st.get_option("server.address"), st.session_state.get("launch_token"))


def unlock() -> None:
    """Ask for the token where the dashboard does not listen on this computer alone."""
    if Access.of_dashboard(st.get_option("server.address"), None).writable:
        return
    typed = st.text_input(
        "Launch token", type="password", key="typed_token", help="set as GREENAI_LAUNCH_TOKEN on the server"
    )
    st.session_state["launch_token"] = typed or st.session_state.get("launch_token")
    if current().writable:
        st.caption(":material/lock_open: You may launch runs.")
    elif typed:
        st.caption(":material/lock: That is not the token.")
    else:
        st.caption(":material/lock: Read-only without the token.")
