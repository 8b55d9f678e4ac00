"""How many predictions a model will serve over its life, and how: one control each, wherever on the page it stands."""

from __future__ import annotations

import streamlit as st

from greenai_core.analysis.break_even import count
from greenai_core.analysis.lifetime import MOST, SERVING, USUAL, Lifetime

STOPS = [float(digit * 10**power) for power in range(3, 12) for digit in (1, 2, 5)] + [float(MOST)]


def slider() -> float:
    """Ask for the number of predictions; it stands in the page's link."""
    return st.select_slider(
        "Predictions served over the model's life",
        STOPS,
        USUAL,
        format_func=count,
        key="predictions",
        bind="query-params",
        width=320,
    )


def serving() -> str:
    """Ask how predictions are served, one of `greenai_core.analysis.lifetime.SERVING`; it stands in the link, too."""
    return st.segmented_control(
        "Served", list(SERVING), default=Lifetime.serving, required=True, key="serving", bind="query-params"
    )
