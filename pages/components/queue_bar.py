"""The queue as a whole: how many jobs there are of each kind, and whether and how many of them run at once."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from greenai_core import wording
from greenai_core.jobs import control, queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.control import MOST_AT_ONCE, Control
from greenai_core.jobs.states import HELD, LIVE, WAITING, State
from pages.components import act
from pages.components.state import ENDED, SIGNS

AT_ONCE = """
How many jobs may run at the same time on each host. More than one finish sooner, but then they share what a counter of
the machine sees: their joules become **apportioned** by processor time instead of measured. Jobs that run already go
on.
"""


def bar(counts: Mapping[State, int], settings: Control, access: Access) -> None:
    """Show how many jobs there are, and what can be done to all of them."""
    with st.container(border=True, key="queue"):
        _counts(counts)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            if settings.paused:
                act.button(
                    "Resume", control.resume, access=access, key="resume", icon=":material/play_arrow:", type="primary"
                )
            else:
                act.button(
                    "Pause",
                    control.pause,
                    access=access,
                    key="pause",
                    icon=":material/pause:",
                    help="No further job begins; those that run go on.",
                )
            _at_once(settings.concurrency, access)
            _for_all(counts, access)
        if not access.writable:
            st.caption(f":material/lock: {access.reason}")
        if settings.paused:
            st.warning(_paused(counts), icon=":material/pause_circle:")


def _counts(counts: Mapping[State, int]) -> None:
    """Show those that run or wait in any case, and those that have ended by how."""
    ended = [(state, counts[state], SIGNS[state]) for state in ENDED if state in counts]
    shown = [
        ("running", _sum(counts, HELD), SIGNS["running"]),
        ("waiting", _sum(counts, WAITING), SIGNS["queued"]),
        *ended,
    ]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for word, count, sign in shown:
            st.badge(f"{count:,} {word}", icon=sign.icon, color=sign.colour if count else "gray")


def _at_once(jobs: int, access: Access) -> None:
    """Ask how many jobs run at once; what somebody else sets meanwhile is shown, what is being typed stays."""
    if st.session_state.get("at_once_was") != jobs:
        st.session_state["at_once_was"] = st.session_state["at_once"] = jobs
    st.number_input(
        "Jobs at once",
        min_value=1,
        max_value=MOST_AT_ONCE,
        key="at_once",
        help=AT_ONCE,
        width=140,
        disabled=not access.writable,
        on_change=_set_at_once,
        args=(access,),
    )


def _set_at_once(access: Access) -> None:
    act.perform(control.set_concurrency, st.session_state["at_once"], access)


def _for_all(counts: Mapping[State, int], access: Access) -> None:
    live, held, failed = _sum(counts, LIVE), _sum(counts, HELD), counts.get("failed", 0)
    if live:
        act.after_asking(
            "Cancel all",
            f"Cancel {wording.number(live, 'job')}? {stopping(held)}",
            f"Cancel {wording.number(live, 'job')}",
            queue.cancel_all,
            access=access,
            key="cancel-all",
            icon=":material/stop_circle:",
        )
    if failed:
        act.button(
            f"Retry {failed:,} failed",
            queue.retry_failed,
            access=access,
            key="retry-failed",
            icon=":material/replay:",
            help="Every job that failed waits again, with what it needs before it and what was skipped because of it.",
        )


def stopping(held: int) -> str:
    """Say what cancelling does to so many jobs that run."""
    if not held:
        return "None of them has begun."
    return f"The {held:,} that run{'s' if held == 1 else ''} will be stopped; what they have measured so far is kept."


def _paused(counts: Mapping[State, int]) -> str:
    held, waiting = _sum(counts, HELD), _sum(counts, WAITING)
    runs = f"The {held:,} that run{'s goes' if held == 1 else ' go'} on to the end." if held else "None is running."
    return f"**The queue is paused:** no further job begins ({waiting:,} waiting). {runs}"


def _sum(counts: Mapping[State, int], states: tuple[State, ...]) -> int:
    return sum(counts.get(state, 0) for state in states)
