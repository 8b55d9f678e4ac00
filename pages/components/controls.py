"""The controls of the Explore page; each stands in the page's link under a short name that does not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

import pandas as pd
import streamlit as st

from greenai_core.analysis.explore import COSTS, SPLITS, Filters, name_of
from greenai_core.analysis.figures import LIFETIME
from greenai_core.analysis.lifetime import USUAL
from greenai_core.charts.looks import ColourBy
from pages.components import data, predictions, remembered
from pages.components.provenance import PLAIN

BIND: Final = "query-params"


def filters() -> Filters:
    """Ask which runs to show, in one row, and which axes to show them on."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        dataset = st.selectbox("Data set", data.choices("dataset"), key="dataset", bind=BIND, width=145)
        with st.popover("Filters", icon=":material/filter_alt:", key="only"):  # closed, it costs a browser nothing
            models = _several("Model", data.choices("model", dataset), "model")
            techniques = _several("Technique", data.choices("technique", dataset), "technique")
            temperatures = _several("Temperature", data.choices("temperature", dataset), "temperature")
            low, high = st.slider(
                "Sparsity (%)",
                0,
                100,
                (0, 100),
                key="sparsity",
                bind=BIND,
                help="Runs that remove nothing stay as the baseline until the lower bound is raised.",
            )
        least = st.slider("Least accuracy (%)", 0, 100, 0, key="least", bind=BIND, width=118)
        bank = st.toggle("Bank", True, key="bank", bind=BIND)
    if chosen := _narrowed(models, techniques, temperatures, (low, high)):
        st.caption(f":material/filter_alt: Only {chosen}.")
    with st.container(horizontal=True, vertical_alignment="bottom", key="axes"):
        cost = st.pills("Cost axis", list(COSTS), default="Size", required=True, key="cost", bind=BIND, wrap=True)
        split = st.segmented_control(
            "Accuracy axis",
            list(SPLITS),
            default="Validation",
            required=True,
            key="split",
            bind=BIND,
            help="Choices are made on validation; the test split is reported.",
        )
        colours = get_args(ColourBy)
        st.segmented_control("Colour by", colours, default=colours[0], required=True, key="by", bind=BIND)
        lasting = COSTS[cost] == LIFETIME.column
        served = predictions.slider() if lasting else _served_elsewhere()
        serving = predictions.serving() if lasting else Filters.serving
    return Filters(
        dataset=dataset,
        cost=cost,
        split=split,
        models=models,
        techniques=techniques,
        bank=bank,
        sparsity=(low / 100, high / 100),
        temperatures=tuple(map(float, temperatures)),
        least_accuracy=least / 100,
        predictions=served,
        serving=serving,
    )


def group(groups: Mapping[str, tuple[Mapping[str, str], pd.DataFrame]], drawn: str, *, key: str) -> str:
    """Offer groups of comparable runs, where there are several; returns the id of the one to show.

    Args:
        groups: keys and runs of each, by its id.
        drawn: the one that is shown unless another is chosen.
        key: under which the chosen one stands in the link.
    """
    if len(groups) == 1:
        return drawn
    names = {id: name_of(*kept) for id, kept in groups.items()}
    return remembered.choice("Measured on", names, drawn, key=key, width=520)


def _served_elsewhere() -> float:
    """Return what the slider further down says, where the third axis depends on it."""
    third = st.session_state.get("third", st.query_params.get("third"))
    return st.session_state.get("predictions", USUAL) if COSTS.get(third) == LIFETIME.column else USUAL


def _several(label: str, options: list[str], key: str) -> tuple[str, ...]:
    return tuple(st.multiselect(label, options, key=key, bind=BIND, placeholder="All"))


def _narrowed(
    models: Sequence[str], techniques: Sequence[str], temperatures: Sequence[str], sparsity: tuple[int, int]
) -> str:
    """Return what is chosen behind the filter button, which hides it, in words; empty where nothing is."""
    named = {"model": models, "technique": techniques, "temperature": temperatures}
    words = [f"{name} {' or '.join(chosen)}" for name, chosen in named.items() if chosen]
    if sparsity != (0, 100):
        words.append(f"sparsity {sparsity[0]} to {sparsity[1]} %")
    return ", ".join(words).translate(PLAIN)
