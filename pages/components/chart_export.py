"""Charts to take away: as a picture, which the browser takes, or as a page that opens without a network."""

from __future__ import annotations

from typing import Any, Final, Literal

import plotly.graph_objects as go
import streamlit as st

from greenai_core.charts import standalone

PICTURES: Final = ("PNG", "SVG")
SCALE = 2
"""Pixels of a PNG per pixel on the screen."""


def config(name: str, *, key: str) -> dict[str, Any]:
    """Return how a chart under which `popover` stands is configured: what its camera takes.

    Args:
        name: of the file, without its ending.
        key: that of the popover.
    """
    chosen = str(st.session_state.get(_picture(key), PICTURES[0])).lower()
    options = {"format": chosen, "filename": name, "scale": SCALE if chosen == "png" else 1}
    return {"displaylogo": False, "toImageButtonOptions": options}


def popover(figure: go.Figure, *, name: str, caption: str, key: str) -> None:
    """Offer a chart for download; belongs right below a chart that has `config`.

    Args:
        figure: what is drawn.
        name: of the file, without its ending.
        caption: the words that stand for the chart.
        key: of this popover, the same as that given to `config`.
    """
    theme = _theme()
    with st.popover("Download chart", icon=":material/download:", key=key):
        st.markdown("**As a picture**")
        st.segmented_control(
            "Format", PICTURES, default=PICTURES[0], required=True, key=_picture(key), label_visibility="collapsed"
        )
        st.caption(
            "Then press the camera :material/photo_camera: at the top right of the chart: it saves what you see, zoom "
            "and theme included. Another format draws the chart anew, without what was selected."
        )
        st.markdown("**As a page**")
        st.download_button(
            "Download HTML",
            lambda: standalone.page(figure, name=name, caption=caption, theme=theme).encode(),
            f"{name}.html",
            "text/html",
            key=f"{key}-html",
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption("One file of about 5 MB with all points; zooms and tells as here, without a network.")


def _picture(key: str) -> str:
    return f"{key}-picture"


def _theme() -> Literal["light", "dark"]:
    return "dark" if st.context.theme.type == "dark" else "light"
