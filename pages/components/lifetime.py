"""How the ranking moves with the predictions that a model will serve, and from how many on compressing it pays."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.contenders import Contender, answer, baselines, contenders, table, telling
from greenai_core.analysis.explore import Filters, name_of
from greenai_core.analysis.lifetime import SERVING, USUAL, Lifetime, scale
from greenai_core.analysis.pareto import Front
from greenai_core.analysis.recost import Assumptions, recost
from greenai_core.charts import lifetime as lifetime_chart
from greenai_core.energy.carbon import countries
from greenai_core.settings import settings
from greenai_core.wording import number
from pages.components import badge, data, overhead, refusal
from pages.components.controls import BIND
from pages.components.predictions import slider
from pages.components.provenance import PLAIN

OWN = "The dense recipe of the same model"
QUESTION = (
    "Lifetime energy is making the model from nothing, its teacher and all stages included, and every prediction that "
    "it serves. Break-even compares making and serving a recipe with making and serving its baseline instead; where "
    "the baseline stands there already, only the further stages count, and the recipe pays back sooner."
)


def section(filters: Filters) -> None:
    """Show the lifetime energies of comparable runs: controls, the answer in words, the chart and the table."""
    st.subheader("Energy over a model's life", anchor=False)
    st.caption(QUESTION)
    with st.container(horizontal=True, vertical_alignment="bottom", key="lifetime-terms"):
        serving = st.segmented_control(
            "Served", list(SERVING), default="In batches", required=True, key="serving", bind=BIND
        )
        assumptions = _assumptions()
    recipes = data.recipes(filters, serving)
    groups = {front.id: front for front in Lifetime(USUAL, serving).fronts(recipes)}
    if not groups:
        st.info(
            "No run here has a known energy both of making it and of one prediction, so there is no lifetime energy.",
            icon=":material/hourglass_empty:",
        )
        return
    chosen = _group(groups)
    _left_out(int(filters.matching(data.runs()).sum()), chosen)
    _moving(chosen.table, serving, assumptions, filters.predictions if filters.lasting else None)


@st.fragment
def _moving(recipes: pd.DataFrame, serving: str, assumptions: Assumptions, asked: float | None) -> None:
    """Show what moves with the slider; only this part of the page is drawn anew."""
    dense = baselines(recipes)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        predictions = slider() if asked is None else asked
        against = st.selectbox(
            "Baseline",
            [None, *dense],
            format_func=lambda key: OWN if key is None else dense[key],
            key="against",
            width=320,
            help="Where no dense recipe of the same model is comparable, the most accurate dense one.",
        )
    lifetime = Lifetime(predictions, serving)
    (front,) = lifetime.fronts(recipes)
    shown = contenders(front, lifetime, against)
    with refusal.shown():
        _answers(shown, predictions, assumptions)
    if len(shown) < len(front.table):
        st.caption(f"{len(shown):,} of {number(len(front.table), 'recipe')} shown: the front and the cheapest.")


def _answers(shown: tuple[Contender, ...], predictions: float, assumptions: Assumptions) -> None:
    """Show the answer in words, the chart, the table, and what was assumed."""
    shown_in, drawn = scale(assumptions), telling(shown, lifetime_chart.LINES)
    st.markdown(answer(shown, predictions, shown_in).translate(PLAIN))
    st.plotly_chart(
        lifetime_chart.lines(drawn, predictions=predictions, scale=shown_in),
        key="lifetime-chart",
        config={"displaylogo": False},
        alt=lifetime_chart.describe(drawn, predictions=predictions, scale=shown_in),
    )
    st.dataframe(
        table(shown, shown_in), hide_index=True, placeholder="", alt="Recipes by lifetime energy, with their break-even"
    )
    (picked,) = [one for one in shown if one.picked]
    said = recost(data.record(picked.run_id), assumptions).assumed
    st.caption("\n".join(f"- {sentence}" for sentence in (*said, "All recipes are scaled alike: no break-even moves.")))


def _assumptions() -> Assumptions:
    """Ask for a grid and the overhead of a building."""
    named, usual = countries(), settings().country
    country = st.selectbox(
        "Grid",
        list(named),
        index=list(named).index(usual) if usual in named else None,
        format_func=lambda code: f"{named[code]} ({code})",
        placeholder="No country: joules",
        key="lifetime-grid",
        width=240,
    )
    pue = overhead.pue("lifetime-pue")
    return Assumptions(country=country, pue=pue)


def _group(groups: dict[str, Front]) -> Front:
    """Offer the groups of recipes that were made and measured alike, where there are several."""
    if len(groups) == 1:
        return next(iter(groups.values()))
    called = {key: name_of(front.keys, front.table) for key, front in groups.items()}
    key = st.selectbox("Made and measured on", list(groups), format_func=called.__getitem__, key="lifetime-group")
    return groups[key]


def _left_out(matching: int, chosen: Front) -> None:
    """Say how the energies were obtained, and how many runs have none that could be added to these."""
    with st.container(horizontal=True):
        for title, column in (("Making", "energy_train_kind"), ("Serving", "energy_inference_kind")):
            st.markdown(f"{title} {badge.text(chosen.keys[column])}", width="content")
    others = matching - int(chosen.table["runs"].sum())
    if others:
        st.caption(
            f"Left out: {number(others, 'run')} made or measured under other conditions, or whose energy of making or "
            "of one prediction is unknown. Energies are only added where both compare."
        )
