"""What a building adds to the energy of its computers."""

from __future__ import annotations

from typing import Literal

import streamlit as st


def pue(key: str, bind: Literal["query-params"] | None = None) -> float:
    """Ask for the power usage effectiveness of a data centre.

    Args:
        key: of the field.
        bind: to the page's link, under that key, or to nothing.
    """
    return st.number_input(
        "PUE",
        min_value=1.0,
        value=1.0,
        step=0.1,
        format="%.2f",
        key=key,
        bind=bind,
        width=130,
        help="energy at the wall of the data centre over energy of its computers; 1.1 is very good, 1.6 usual",
    )
