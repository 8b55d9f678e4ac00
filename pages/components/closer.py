"""The longer answers of the Explore page."""

from __future__ import annotations

import streamlit as st

from greenai_core.analysis.explore import View
from pages.components import controls, data, lifetime, path, promised, space
from pages.components.data import Asked

CLOSER = (LIFE, THIRD, PATH, PROMISED) = (
    "Energy over a model's life",
    "A third objective",
    "Stages of a recipe",
    "Promised and real",
)


def section(asked: Asked, view: View, pick: str | None, selected: set[str]) -> None:
    """Show one of the longer answers; only the one that is asked for is worked out."""
    answer = st.segmented_control("Look closer", CLOSER, default=LIFE, required=True, key="closer", bind=controls.BIND)
    if answer == LIFE:
        lifetime.section(asked.filters)
    elif answer == THIRD:
        space.section(asked)
    elif answer == PATH:
        path.section(view, data.runs(asked.version), pick, selected)
    else:
        promised.section(asked, view)
