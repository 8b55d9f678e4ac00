"""What a building adds to the energy of its computers."""

from __future__ import annotations

import streamlit as st


def pue(key: str) -> float:
    """Ask for the power usage effectiveness of a data centre."""
    return st.number_input(
        "PUE",
        min_value=1.0,
        value=1.0,
        step=0.1,
        format="%.2f",
        key=key,
        width=130,
        help="energy at the wall of the data centre over energy of its computers; 1.1 is very good, 1.6 usual",
    )
