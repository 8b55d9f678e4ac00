"""One job: how far it is, what it waits for, or how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from greenai_core import units, wording
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Job
from greenai_core.jobs.states import WAITING
from pages.components import act, badge, job_progress, state
from pages.components.job_log import log


def running(job: Job, kind: str | None, access: Access) -> None:
    """Show a job that runs, with a button that ends it."""
    with st.container(border=True, key=f"job-{job.id}"):
        with _heading(job):
            _cancel(job, access)
        left = "" if job.eta_s is None else f", about {units.rough(job.eta_s)} left"
        stage = f"{(job.stage_index or 0) + 1}. {job.stage}" if job.stage else job.message or "waiting for the worker"
        st.progress(job.fraction or 0.0, text=f"{stage}{left}")
        job_progress.figures(job, kind)
        with st.container(key=f"curve-of-{job.id}"):
            job_progress.curve(job)
        _lost(job)
        log(job, kind)


def waiting(job: Job, needed: Sequence[Job], access: Access, *, first: bool) -> None:
    """Show a job that waits, in one line, with buttons that put it first and that end it.

    Args:
        job: which.
        needed: what it waits for.
        access: of the visitor.
        first: whether it is the next one anyway.
    """
    with st.container(key=f"job-{job.id}", gap=None):
        with _heading(job):
            act.button(
                "Run first",
                queue.prioritise,
                job.id,
                access=access,
                key=f"first-{job.id}",
                icon=":material/vertical_align_top:",
                type="tertiary",
                disabled=first,
                help="It is the next one." if first else "It begins before all others, after what it needs itself.",
            )
            _cancel(job, access)
        if needed:
            st.caption(f":material/hourglass_empty: waits for {'; '.join(wording.run(one.spec) for one in needed)}")
        _lost(job)


def ended(job: Job, kind: str | None, access: Access) -> None:
    """Show a job that has ended, with a button that runs it again."""
    with st.container(border=True, key=f"job-{job.id}", gap="xsmall"):
        with _heading(job):
            again = "Run again" if job.state == "succeeded" else "Try again"
            act.button(again, queue.retry, job.id, access=access, key=f"act-{job.id}", icon=":material/replay:")
        _why(job)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(", ".join(_facts(job)), width="content")
            if job.energy_j is not None:
                st.caption(f"energy {units.ENERGY.text(job.energy_j)} {badge.text(kind)}", width="content")
            if job.state == "succeeded":
                st.page_link(
                    "explore.py",
                    label="See it on the front",
                    icon=":material/scatter_plot:",
                    query_params={"dataset": job.spec["dataset"]["name"]},
                )
        log(job, kind)


def _heading(job: Job) -> st.delta_generator.DeltaGenerator:
    """Show state and run in a row; returns the row, for buttons."""
    row = st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small")
    with row:
        state.badge(job)
        name = wording.run(job.spec)
        st.markdown(f":small[{name}]" if job.state in WAITING else f"**{name}**", width="stretch")
    return row


def _cancel(job: Job, access: Access) -> None:
    act.button(
        "Cancel",
        queue.cancel,
        job.id,
        access=access,
        key=f"act-{job.id}",
        icon=":material/stop_circle:",
        type="tertiary" if job.state in WAITING else "secondary",
        disabled=state.stops(job),
    )


def _lost(job: Job) -> None:
    """Say what became of earlier attempts at a job that goes on."""
    if job.error:
        number = job.attempts + (job.state in WAITING)
        st.caption(f":material/restart_alt: {job.error}; attempt {number} of {job.max_attempts}")


def _why(job: Job) -> None:
    """Say why a job ended that did not succeed."""
    if job.state == "failed":
        st.error(job.error or "No reason is known.", icon=":material/error:")
    elif job.state != "succeeded":
        why = job.error or ("cancelled by hand" if job.state == "cancelled" else "no reason is known")
        st.markdown(f"{state.SIGNS[job.state].icon} {why}")


def _facts(job: Job) -> list[str]:
    facts = []
    if job.ended_at is not None:
        facts.append(f"ended {datetime.fromtimestamp(job.ended_at, UTC):%Y-%m-%d %H:%M} UTC")
    if job.ended_at is not None and job.started_at is not None:
        facts.append(f"after {units.SECONDS.text(job.ended_at - job.started_at)}")
    elif job.state != "succeeded":
        facts.append("it had not begun")
    if job.accuracy_val is not None:
        facts.append(f"validation accuracy {units.FRACTION.text(job.accuracy_val)}")
    if job.run_id:
        facts.append(f"run {job.run_id}")
    return facts
