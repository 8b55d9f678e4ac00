"""Further seeds of recipes whose place few seeds cannot tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count, islice

import pandas as pd
import streamlit as st

from greenai_core.analysis import machines
from greenai_core.analysis.explore import View
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.spec import check
from greenai_core.store import records
from greenai_core.wording import number
from pages.components import access, act

ENOUGH = 5
"""With so many the interval of a mean says something."""

MOST = 100
"""Runs that one click may queue."""


def more(view: View, points: pd.DataFrame, *, key: str) -> None:
    """Offer to run so many further seeds of points of a view that each has `ENOUGH`; nothing where all have."""
    few = points[points["seeds"] < ENOUGH]
    if few.empty:
        return
    missing = int((ENOUGH - few["seeds"]).sum())
    of = f" of {len(few):,} recipes" if len(few) > 1 else ""
    act.button(
        f"Run {number(missing, 'more seed')}{of}",
        _submit,
        {} if missing > MOST else _missing(view, few),
        access=access.current(),
        key=key,
        icon=":material/casino:",
        disabled=missing > MOST,
        help=f"Select fewer points: one click queues {MOST} runs at most."
        if missing > MOST
        else f"Few seeds cannot say how much of this is luck; with {ENOUGH} an interval says something.",
    )
    if machines.elsewhere(view.front.keys, few):
        st.caption(
            ":material/call_split: Measured on another machine: what new seeds cost on this one does not compare with "
            "it, so that they will form a point of their own."
        )


def _missing(view: View, few: pd.DataFrame) -> dict[str, list[int]]:
    """Return by the run_id of each point the smallest seeds that it lacks, so that recipes have the same ones."""
    runs = view.runs_of(set(few["run_id"]))
    known = runs.groupby("replicate_key")["seed"].agg(set)
    return {point["run_id"]: _lacked(known[point["replicate_key"]]) for point in few.to_dict("records")}


def _lacked(known: Collection[int]) -> list[int]:
    return list(islice((seed for seed in count() if seed not in known), ENOUGH - len(known)))


def _submit(wanted: Mapping[str, Collection[int]], allowed: Access) -> None:
    specs = [check(records.load(run_id).spec | {"seed": seed}) for run_id, seeds in wanted.items() for seed in seeds]
    queued = [each for each in queue.submit(specs, access=allowed) if each.id]
    stored = f", {len(specs) - len(queued):,} stored already" if len(queued) < len(specs) else ""
    st.toast(
        f"{number(len(queued), 'run')} queued{stored}; Jobs shows how far they are.", icon=":material/rocket_launch:"
    )
