"""Every job of the store: what runs now, and what has ended."""

from __future__ import annotations

import streamlit as st

from greenai_core.jobs import queue
from greenai_core.jobs.queue import Job
from greenai_core.jobs.states import LIVE
from pages.components import access, data, job, refusal

PER_PAGE = 10


def split() -> tuple[list[Job], list[Job]]:
    """Return the jobs that are live, oldest first, and those that have ended, newest first."""
    every = queue.jobs()
    return [item for item in reversed(every) if item.state in LIVE], [item for item in every if item.state not in LIVE]


def watch(shown: set[str]) -> None:
    """Show the live jobs; the whole page is drawn anew only when one of them has come or gone."""
    with refusal.shown():
        live, _ = split()
        if {item.id for item in live} != shown:
            st.rerun()
        kind = data.usual_kind()
        for item in live:
            job.live(item, kind, access.current())
        if not live:
            st.info(
                "No job is running. Launch one, or start the first experiment on the Overview page.",
                icon=":material/bedtime:",
            )
            st.page_link("launch.py", label="Launch a run", icon=":material/play_arrow:")


def history(ended: list[Job]) -> None:
    st.subheader("Ended", anchor=False)
    pages = -(-len(ended) // PER_PAGE)
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    for item in ended[(page - 1) * PER_PAGE : page * PER_PAGE]:
        job.ended(item, data.kind_of(item.run_id), access.current())


st.title("Jobs", anchor=False)
st.caption("Jobs run in the background. Closing this page or restarting the dashboard stops none of them.")
live, ended = split()
st.fragment(watch, run_every=1 if live else 5)({item.id for item in live})
if ended:
    history(ended)
