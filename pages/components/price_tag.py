"""What a run would give and cost, before it is launched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from greenai_core import units
from greenai_core.analysis.figures import FIGURES
from greenai_core.jobs import previews
from greenai_core.spec import Spec
from greenai_core.wording import number
from pages.components import badge, refusal

SIZES = ("params", "nonzero_params", "macs", "size_bytes")

MOST_ASKED = 8
"""A preview takes a moment; of more seeds than this, the first ones stand for the others."""


def price_tag(specs: Sequence[Spec], to_run: Sequence[Spec]) -> None:
    """Show what `specs` (which differ in the seed) would become, and what those in `to_run` would cost together.

    The warm process of the dashboard computes it; a skeleton stands in its place meanwhile.
    """
    place = st.empty()
    with place:
        st.skeleton(height=300)
    answers: list[dict[str, Any]] = []
    with refusal.shown():
        answers = [previews.ask(spec) for spec in to_run[:MOST_ASKED] or specs[:1]]
    with place.container():
        if answers:
            _sizes(answers[0])
            _price(answers, len(to_run), len(specs) - len(to_run))


def _sizes(answer: dict[str, Any]) -> None:
    st.markdown("**Before and after**")
    with st.grid(2, min_column_width=150):
        for name in SIZES:
            figure, after, before = FIGURES[name], answer[name], answer["baseline"][name]
            known = after is not None and before is not None
            st.metric(
                figure.title,
                figure.text(after),
                f"{units.change(after, before)} from {figure.text(before)}" if known else None,
                delta_color="inverse" if known and after != before else "off",
                border=True,
                height="stretch",
                delta_arrow="auto" if known and after != before else "off",
                help=figure.help or None,
            )


def _price(answers: Sequence[dict[str, Any]], runs: int, stored: int) -> None:
    """Show the sum over all runs; of a launch that the store answers, that it is free."""
    if not runs:
        st.markdown("**Price**")
        st.caption("Nothing is left to run.")
        return
    whose = "" if runs == 1 and not stored else f" of {number(runs, 'run')}"
    beside = f", {stored:,} more stored already" if stored else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**Price{whose}**{beside}", width="content")
        badge.badge("estimated")
    with st.container(horizontal=True):
        st.metric("Time", units.SECONDS.text(_total(answers, "wall_s", runs)), border=True, height="stretch")
        st.metric("Energy", units.ENERGY.text(_total(answers, "energy_j", runs)), border=True, height="stretch")
    bases = "; ".join(dict.fromkeys(answer["predicted"]["basis"] for answer in answers))
    scaled = f"; the first {len(answers)} of {runs:,} seeds, scaled to all" if runs > len(answers) else ""
    st.caption(f"Rests on: {bases}{scaled}")
    if free := _free(answers):
        st.caption(f":material/inventory_2: Free, because it is stored: {', '.join(free)}.")


def _total(answers: Sequence[dict[str, Any]], what: str, runs: int) -> float:
    return float(sum(answer["predicted"][what] for answer in answers)) / len(answers) * runs


def _free(answers: Sequence[dict[str, Any]]) -> list[str]:
    """Name the stages that need not run, and in how many of the runs where it is not in all."""
    counts = Counter(index for answer in answers for index in answer["cached_stages"])
    return [
        f"{index + 1}. {answers[0]['stages'][index]['name']}"
        + (f" (in {count} of {len(answers)} runs)" if count < len(answers) else "")
        for index, count in sorted(counts.items())
    ]
