"""Jobs that were submitted together, as one card: how far the whole is, and what it has spent of its budget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import streamlit as st

from greenai_core import units, wording
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Sweep
from greenai_core.jobs.states import HELD, LIVE, WAITING, State
from pages.components import act, badge
from pages.components.queue_bar import stopping
from pages.components.state import ENDED


def is_live(sweep: Sweep) -> bool:
    """Return whether any job of a sweep has not ended."""
    return any(state in LIVE for state in sweep.jobs)


def card(sweep: Sweep, kind: str | None, access: Access) -> None:
    """Show a sweep, with a button that cancels the rest of it."""
    total = sum(sweep.jobs.values())
    left, held = _sum(sweep, LIVE), _sum(sweep, HELD)
    with st.container(border=True, key=f"sweep-{sweep.id}"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            at = datetime.fromtimestamp(sweep.submitted_at, UTC)
            st.markdown(
                f"**Sweep of {wording.number(total, 'job')}**, submitted {at:%Y-%m-%d %H:%M} UTC", width="stretch"
            )
            if failed := sweep.jobs.get("failed", 0):
                act.button(
                    f"Try {failed:,} again",
                    queue.retry_sweep,
                    sweep.id,
                    access=access,
                    key=f"retry-{sweep.id}",
                    icon=":material/replay:",
                )
            if left:
                act.after_asking(
                    "Cancel the rest",
                    f"Cancel the {wording.number(left, 'job')} of this sweep that {_have(left)} not ended? "
                    f"{stopping(held)}",
                    f"Cancel {wording.number(left, 'job')}",
                    queue.cancel_sweep,
                    sweep.id,
                    access=access,
                    key=f"cancel-{sweep.id}",
                    icon=":material/stop_circle:",
                )
        with st.container(horizontal=True, gap="medium"):
            st.progress((total - left) / max(total, 1), text=f"{total - left:,} of {total:,} done{_split(sweep)}")
            _spent(sweep, kind)
        if sweep.budget_j is not None and sweep.spent_j >= sweep.budget_j:
            st.warning(
                f"The budget of {units.ENERGY.text(sweep.budget_j)} is spent: what had not ended was cancelled.",
                icon=":material/battery_0_bar:",
            )


def _split(sweep: Sweep) -> str:
    """Write how those that are done ended, and what the others do."""
    parts = list(_parts(sweep))
    return f": {', '.join(parts)}" if parts else ""


def _parts(sweep: Sweep) -> Iterator[str]:
    for state in ENDED:
        if state in sweep.jobs:
            yield f"{sweep.jobs[state]:,} {state}"
    for word, states in (("running", HELD), ("waiting", WAITING)):
        if count := _sum(sweep, states):
            yield f"{count:,} {word}"


def _spent(sweep: Sweep, kind: str | None) -> None:
    spent = f"{units.ENERGY.text(sweep.spent_j)} {badge.text(kind)}"
    if sweep.budget_j is None:
        st.progress(0.0, text=f"{spent} spent, no budget")
    else:
        st.progress(
            min(1.0, sweep.spent_j / sweep.budget_j), text=f"{spent} spent of {units.ENERGY.text(sweep.budget_j)}"
        )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _sum(sweep: Sweep, states: tuple[State, ...]) -> int:
    return sum(sweep.jobs.get(state, 0) for state in states)
