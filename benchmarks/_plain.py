"""A page as one writes it first: every point and every row is sent to the browser, again after every change."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.express as px
import streamlit as st


def show(read: Callable[[], pd.DataFrame]) -> None:
    """Show all that is stored above a least accuracy, as a chart and as a table."""
    st.set_page_config(layout="wide")
    table = read()
    least = st.slider("Least accuracy (%)", 0, 100, 0, key="least", bind="query-params")
    shown = table[table["accuracy_val"] >= least / 100]
    with st.container(key="chart"):
        st.plotly_chart(
            px.scatter(
                shown,
                x="size_bytes",
                y="accuracy_val",
                color="technique",
                log_x=True,
                hover_data=[
                    "run_id",
                    "model",
                    "seed",
                    "sparsity",
                    "latency_ms",
                    "energy_train_j",
                    "energy_per_sample_j",
                ],
            )
        )
    st.dataframe(shown)
