"""What a page shows once its chart is drawn: until then the browser has one thing to do, the chart."""

from __future__ import annotations

from typing import Final

import streamlit as st

FLAG: Final = "chart-drawn"
"""In the state of the session: charts are drawn at once from then on, as the browser knows how to."""

PLACE = 130
"""Pixels of what stands for the rest."""

_ASK = st.components.v2.component(
    "once_drawn",
    js="""
    export default ({ setTriggerValue }) => {
      const idle = window.requestIdleCallback ?? setTimeout;
      const look = (looks) => {
        const drawn = document.querySelector(".js-plotly-plot .main-svg");
        if (drawn || looks === 0) idle(() => setTriggerValue("drawn", true));
        else setTimeout(look, 50, looks - 1);
      };
      look(200);
    }
    """,
)


def told() -> bool:
    """Tell whether the browser has drawn a chart; where it has not, it is asked to say so, and the page runs again.

    Until then a grey place stands where the rest will be.
    """
    if FLAG not in st.session_state:
        _ASK(key="ask-drawn", on_drawn_change=_remember)
        st.skeleton(height=PLACE)
    return FLAG in st.session_state


def _remember() -> None:
    st.session_state[FLAG] = True
