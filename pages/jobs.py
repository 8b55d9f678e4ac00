"""Every job of the store: what runs now, what waits, and what has ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import streamlit as st

from greenai_core.jobs import control, queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Job, Sweep
from greenai_core.jobs.states import HELD, LIVE, WAITING, State
from greenai_core.store import records
from pages.components import access, data, job, queue_bar, refusal, sweep

PER_PAGE, SWEEPS_PER_PAGE = 10, 3

WAITING_SHOWN = 10  # more lines tell nobody more, and drawing them each second would take the browser's time

# Streamlit fades what it has not drawn anew yet; each second, on a busy machine, that is a flicker.
STEADY = "<style>.st-key-watched [data-stale=true] { opacity: 1 !important; transition: none !important; }</style>"


def watch(*, lively: bool, kind: str) -> None:
    """Show the queue as it is, each second: no more is asked for and drawn than one can see.

    Args:
        lively: whether there was a live job when the page was drawn.
        kind: how energies are obtained of runs that have no record yet.
    """
    with refusal.shown():
        counts = queue.counts()
        if any(state in LIVE for state in counts) != lively:
            st.rerun()  # at another pace
        allowed = access.current()
        if not counts:
            nothing()
            return
        queue_bar.bar(counts, control.control(), allowed)
        sweeps = queue.sweeps()
        shown: set[str] = set()
        if lively:
            with st.container(key="now"):
                shown = now(counts, [one for one in sweeps if sweep.is_live(one)], kind, allowed)
        else:
            st.info("No job is running.", icon=":material/bedtime:")
            st.page_link("launch.py", label="Launch a run", icon=":material/play_arrow:")
        ended = sum(count for state, count in counts.items() if state not in LIVE)
        if ended:
            st.subheader("Ended", anchor=False)
            past(ended, [one for one in sweeps if not sweep.is_live(one)], shown, kind, allowed)


def nothing() -> None:
    """Say what to do where there is no job yet."""
    st.info(
        "No job yet. Launch a run or a whole sweep, or start the first experiment: it takes less than a minute.",
        icon=":material/bedtime:",
    )
    with st.container(horizontal=True):
        st.page_link("overview.py", label="Run your first experiment", icon=":material/rocket_launch:")
        st.page_link("launch.py", label="Launch a run", icon=":material/play_arrow:")


def now(counts: Mapping[State, int], sweeps: Sequence[Sweep], kind: str, allowed: Access) -> set[str]:
    """Show the sweeps that go on, the jobs that run, and those that begin next; returns the ids of the jobs."""
    live = queue.live(WAITING_SHOWN)
    # Each kind has a place of its own: what comes and goes in one does not move, and redraw, the others.
    with st.container(key="sweeps-now"):
        for one in sweeps:
            sweep.card(one, kind, allowed)
    with st.container(key="running"):
        for item in live:
            if item.state in HELD:
                job.running(item, kind, allowed)
    with st.container(key="next"):
        if waiting := [item for item in live if item.state in WAITING]:
            upcoming(waiting, {item.id: item for item in live}, allowed)
            more = sum(counts.get(state, 0) for state in WAITING) - WAITING_SHOWN
            if more > 0:
                st.caption(f"and {more:,} more waiting")
    return {item.id for item in live}


def upcoming(waiting: Sequence[Job], live: Mapping[str, Job], allowed: Access) -> None:
    """Show what begins next, in that order, a line each."""
    st.subheader("Waiting", anchor=False)
    with st.container(border=True, key="waiting"):
        for place, item in enumerate(waiting):
            needed = [live[id] for id in item.needs if id in live]
            job.waiting(item, needed, allowed, first=place == 0)


def past(ended: int, sweeps: Sequence[Sweep], shown: Collection[str], kind: str, allowed: Access) -> None:
    """Show what has ended, the newest first, so many on a page, without what was `shown` above and ended meanwhile."""
    if sweeps:
        skip = paged(len(sweeps), SWEEPS_PER_PAGE, "sweeps")
        for one in sweeps[skip : skip + SWEEPS_PER_PAGE]:
            sweep.card(one, kind, allowed)
    found = queue.ended(PER_PAGE, paged(ended, PER_PAGE, "page"))
    kinds = kinds_of(records.version(), tuple(one.run_id for one in found if one.run_id))
    for item in (one for one in found if one.id not in shown):
        job.ended(item, kinds.get(item.run_id or "", kind), allowed)


@st.cache_data(max_entries=64, show_spinner=False)
def kinds_of(version: str, run_ids: tuple[str, ...]) -> dict[str, str]:
    """Return how the energies of runs were obtained; runs that are not stored in this version are not in it."""
    table = data.runs()
    known = table[table["run_id"].isin(run_ids)].dropna(subset="energy_train_kind")
    return dict(zip(known["run_id"], known["energy_train_kind"], strict=True))


def paged(count: int, per_page: int, key: str) -> int:
    """Let people turn pages where there are several; returns how many things to leave out."""
    pages = -(-count // per_page)
    page = st.pagination(pages, key=key, bind="query-params") if pages > 1 else 1
    return (page - 1) * per_page


st.title("Jobs", anchor=False)
st.caption("Jobs run in the background. Closing this page or restarting the dashboard stops none of them.")
lively = any(state in LIVE for state in queue.counts())
st.html(STEADY)
with st.container(key="watched"):
    st.fragment(watch, run_every=1 if lively else 5)(lively=lively, kind=data.usual_kind())
