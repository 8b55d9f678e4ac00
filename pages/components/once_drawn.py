"""What a page shows once its chart is drawn: until then the browser has one thing to do, the chart."""

from __future__ import annotations

from typing import Final

import streamlit as st

FLAG: Final = "chart-drawn"
"""Its key in the state of the session: set once, since from then on the browser draws charts without delay."""

PLACE = 130
"""Pixels of what stands for the rest."""

_ASK = st.components.v2.component(
    "once_drawn",
    js="""
    export default ({ setTriggerValue }) => {
      const idle = window.requestIdleCallback ?? setTimeout;
      let gone = false;
      const look = (looks) => {
        const drawn = document.querySelector(".js-plotly-plot .main-svg");
        if (drawn || looks === 0) idle(() => gone || setTriggerValue("drawn", true));
        else if (!gone) setTimeout(look, 50, looks - 1);
      };
      look(200);
      return () => { gone = true; };
    }
    """,
)


def told() -> bool:
    """Tell whether the browser has said that it has drawn a chart; where it has not, a page ends with `ask`."""
    return FLAG in st.session_state


def ask() -> None:
    """Have the browser say so, upon which the page runs again; until then a grey place stands for the rest."""
    _ASK(key="ask-drawn", on_drawn_change=_remember)
    st.skeleton(height=PLACE)


def _remember() -> None:
    st.session_state[FLAG] = True
