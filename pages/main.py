"""The frame around every page: title, logo, navigation, and who may launch."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components import access, refusal

ASSETS = Path(__file__).resolve().parents[1] / "assets"

st.set_page_config(
    page_title="Green AI Explorer", page_icon=str(ASSETS / "favicon.png"), layout="wide", initial_sidebar_state=220
)
st.logo(str(ASSETS / "logo.png"), size="large", icon_image=str(ASSETS / "favicon.png"))

page = st.navigation(
    {
        "": [st.Page("overview.py", title="Overview", icon=":material/home:", default=True)],
        "Review": [
            st.Page("explore.py", title="Explore", icon=":material/scatter_plot:"),
            st.Page("results.py", title="Results", icon=":material/table_view:"),
        ],
        "Run": [
            st.Page("launch.py", title="Launch", icon=":material/play_arrow:"),
            st.Page("jobs.py", title="Jobs", icon=":material/monitoring:"),
        ],
    }
)

with st.sidebar:
    access.unlock()

with refusal.shown():
    page.run()
