"""What runs would give and cost together, before they are launched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from greenai_core import units
from greenai_core.analysis.figures import FIGURES
from greenai_core.draft import Draft
from greenai_core.jobs import previews
from greenai_core.wording import number
from pages.components import badge, refusal

SIZES = ("params", "nonzero_params", "macs", "size_bytes")
LATER = "not known before training"


def price_tag(draft: Draft, *, again: bool) -> dict[str, Any] | None:
    """Show what the runs of a draft would become and cost; returns the answer, see `greenai_core.preview.price`.

    The warm process of the dashboard computes it; a skeleton stands in its place meanwhile. None: it was refused.
    """
    place = st.empty()
    with place:
        st.skeleton(height=300)
    answer = None
    with refusal.shown():
        answer = previews.ask(draft.document(), again=again)
    with place.container():
        if answer is not None:
            _sizes(answer)
            _price(answer, draft.budget_j)
    return answer


def _sizes(answer: dict[str, Any]) -> None:
    st.markdown("**Before and after**")
    before, after = answer["before"], answer["after"]
    ends = [*before.values(), *after.values()]
    if any(end is not None and end[0] != end[1] for end in ends):
        _ranges(before, after)
    else:
        _metrics(*({name: end and end[0] for name, end in ends.items()} for ends in (before, after)))
    if not answer["exact"]:
        st.caption("Of so many different networks some were built; the others are taken to be like their neighbours.")


def _metrics(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> None:
    """Show the figures of one network."""
    with st.grid(2, min_column_width=150):
        for name in SIZES:
            figure, now, once = FIGURES[name], after[name], before[name]
            known = now is not None and once is not None
            st.metric(
                figure.title,
                figure.text(now),
                f"{units.change(now, once)} from {figure.text(once)}"
                if now is not None and once is not None
                else LATER,
                delta_color="inverse" if known and now != once else "off",
                border=True,
                height="stretch",
                delta_arrow="auto" if known and now != once else "off",
                help=figure.help or None,
            )


def _ranges(before: Mapping[str, list[int] | None], after: Mapping[str, list[int] | None]) -> None:
    """Show the figures of many networks: the least and the most of each."""
    lines = ["| | Before | Smallest | Largest |", "|:--|--:|--:|--:|"]
    for name in SIZES:
        figure = FIGURES[name]
        once, ends = (
            [units.UNKNOWN] if found is None else list(map(figure.text, found)) for found in (before[name], after[name])
        )
        lines.append(f"| {figure.title} | {' to '.join(dict.fromkeys(once))} | {ends[0]} | {ends[-1]} |")
    st.markdown("\n".join(lines))


def _price(answer: dict[str, Any], budget_j: float | None) -> None:
    """Show what is left to run together; of a launch that the store answers, that it is free."""
    runs, stored, predicted = answer["to_run"], answer["runs"] - answer["to_run"], answer["predicted"]
    if not runs:
        st.markdown("**Price**")
        st.caption("Nothing is left to run.")
        return
    whose = "" if answer["runs"] == 1 else f" of {number(runs, 'run')}"
    beside = f", {stored:,} more stored already" if stored else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**Price{whose}**{beside}", width="content")
        badge.badge("estimated")
    with st.container(horizontal=True):
        st.metric("Time", units.SECONDS.text(predicted["wall_s"]), border=True, height="stretch")
        st.metric("Energy", units.ENERGY.text(predicted["energy_j"]), border=True, height="stretch")
    st.caption(f"Rests on: {predicted['basis']}.")
    spared = answer["stages_in_all"] - answer["stages_to_run"]
    if spared:
        saved = units.ENERGY.text(answer["shared"]["energy_j"])
        st.caption(
            f":material/account_tree: {number(answer['stages_to_run'], 'stage')} to run instead of "
            f"{answer['stages_in_all']:,}: what is shared is run once, what is stored not at all. Saves {saved}."
        )
    if answer["beside"]:
        st.caption(
            f":material/flag: And {number(answer['beside'], 'run')} of what they have in common: the others wait "
            "for it and are compared with it."
        )
    if answer["free"]:
        st.caption(f":material/inventory_2: Free, because it is stored: {', '.join(_free(answer))}.")
    if budget_j is not None and budget_j < predicted["energy_j"]:
        st.caption(":material/warning: The price is above the budget: the last runs would be cancelled.")


def _free(answer: dict[str, Any]) -> list[str]:
    """Name the stages that need not run, and in how many of the runs where it is not in all."""
    runs = answer["to_run"]
    return [
        name + (f" (in {count:,} of {runs:,} runs)" if count < runs else "") for name, count in answer["free"].items()
    ]
