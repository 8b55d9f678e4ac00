"""How the ranking moves with the predictions that a model will serve, and from how many on compressing it pays."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.baseline import beside
from greenai_core.analysis.choice import Limits
from greenai_core.analysis.contenders import baselines, contenders
from greenai_core.analysis.explore import Filters, name_of
from greenai_core.analysis.lifetime import MAKING, SERVING, USUAL, Lifetime, alike, points
from greenai_core.analysis.pareto import CHOSEN_BY, Front, lacking
from greenai_core.analysis.recost import Assumptions
from greenai_core.energy.carbon import countries
from greenai_core.settings import settings
from greenai_core.store import records
from greenai_core.wording import number
from pages.components import badge, data, overhead, predictions, ranked, recommended, refusal, remembered
from pages.components.controls import BIND

OWN = "own"
QUESTION = (
    "Lifetime energy is making the model from nothing, its teacher and all stages included, and every prediction that "
    "it serves. Break-even compares making and serving a recipe with making and serving its baseline instead; where "
    "the baseline stands there already, only the further stages count, and the recipe pays back sooner."
)


def section(filters: Filters) -> None:
    """Show the lifetime energies of comparable runs: controls, the answer in words, the chart and the table.

    Limits on what is recommended, of `pages.components.recommended`, apply to what is recommended here.
    """
    st.subheader("Energy over a model's life", anchor=False)
    st.caption(QUESTION)
    with st.container(horizontal=True, vertical_alignment="bottom", key="lifetime-terms"):
        serving = filters.serving if filters.lasting else predictions.serving()
        assumptions = _assumptions()
    version = records.version()  # read once: runs may end meanwhile
    recipes = _recipes(version, filters.dataset, filters.bank, serving)
    groups = {front.id: front for front in Lifetime(USUAL, serving).fronts(recipes[filters.matching(recipes)])}
    if not groups:
        st.info(
            "No run here has a known energy both of making it and of one prediction, so there is no lifetime energy.",
            icon=":material/hourglass_empty:",
        )
        return
    chosen = _group(groups)
    unknown = filters.apply(_unknown(version, serving))
    _left_out(chosen, len(unknown) + sum(_count(front) for front in groups.values() if front is not chosen))
    asked = filters.predictions if filters.lasting else None
    comparable = _comparable(version, filters.dataset, filters.bank, serving, chosen.id, chosen)
    _moving(chosen.table, comparable, serving, assumptions, recommended.limits(), asked)


@st.fragment
def _moving(
    matching: pd.DataFrame,
    recipes: pd.DataFrame,
    serving: str,
    assumptions: Assumptions,
    limits: Limits,
    asked: float | None,
) -> None:
    """Show what moves with the slider; only this part of the page is drawn anew.

    `matching` are those of the comparable `recipes` that the filters leave.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        lifetime = Lifetime(predictions.slider() if asked is None else asked, serving)
        dense = {OWN: "Dense, of the same model; else the most accurate", **baselines(recipes)}
        against = remembered.choice("Baseline", dense, OWN, key="against", width=400)
    (front,) = lifetime.fronts(matching)
    shown = contenders(front, lifetime, recipes, limits, against=None if against == OWN else against)
    with refusal.shown():
        ranked.show(shown, front, lifetime, assumptions, limits)
    told = sum(one.rank is not None for one in shown)
    if told < len(front.table):
        st.caption(f"{told:,} of {number(len(front.table), 'recipe')} shown: the front and the cheapest.")


def _assumptions() -> Assumptions:
    """Ask for a grid and the overhead of a building; both stand in the page's link."""
    named, usual = countries(), settings().country
    offered = [None, *named]
    country = st.selectbox(
        "Grid",
        offered,
        index=offered.index(usual) if usual in named else 0,
        format_func=lambda code: f"{named[code]} ({code})" if code else "No country: joules",
        key="lifetime-grid",
        bind=BIND,
        width=240,
    )
    return Assumptions(country=country, pue=overhead.pue("lifetime-pue", BIND))


def _group(groups: dict[str, Front]) -> Front:
    """Offer the groups of recipes that were made and measured alike, where there are several."""
    if len(groups) == 1:
        return next(iter(groups.values()))
    runs = data.runs()
    called = {
        key: name_of(front.keys, runs[runs["run_id"].isin(front.table["run_ids"].explode())])
        for key, front in groups.items()
    }
    return groups[
        remembered.choice("Made and measured on", called, next(iter(groups)), key="lifetime-group", width=520)
    ]


def _left_out(chosen: Front, others: int) -> None:
    """Say how the energies were obtained, and how many runs have none that could be added to these."""
    with st.container(horizontal=True):
        for title, column in (("Making", "energy_train_kind"), ("Serving", "energy_inference_kind")):
            st.markdown(f"{title} {badge.text(chosen.keys[column])}", width="content")
    if others:
        st.caption(
            f"Left out: {number(others, 'run')} made or measured under other conditions, or whose energy of making or "
            "of one prediction is unknown. Energies are only added where both compare."
        )


def _count(front: Front) -> int:
    """Return how many runs the recipes of a front are the means of."""
    return int(front.table["run_ids"].map(len).sum())


# Resources, as in `pages.components.data`, and for the reason given there.
@st.cache_resource(max_entries=4, show_spinner=False)
def _recipes(version: str, dataset: str, bank: bool, serving: str) -> pd.DataFrame:
    """Return everything on a data set that could be ranked, and the dense recipes that it may be held against."""
    runs = data.runs(version)
    here = runs[(runs["dataset"] == dataset) & (runs["status"] == "succeeded")]
    return points(beside(here, Filters(dataset, bank=bank).matching(here)), serving)


@st.cache_resource(max_entries=4, show_spinner=False)
def _comparable(version: str, dataset: str, bank: bool, serving: str, group: str, _front: Front) -> pd.DataFrame:
    """Return those of `_recipes` that compare with the ones of a front, whose id is `group`."""
    return alike(_recipes(version, dataset, bank, serving), _front)


@st.cache_resource(max_entries=4, show_spinner=False)
def _unknown(version: str, serving: str) -> pd.DataFrame:
    """Return the runs that have no lifetime energy, on any data set."""
    return lacking(data.runs(version), [CHOSEN_BY, MAKING, SERVING[serving]])
