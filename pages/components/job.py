"""One job: how far it is, or how it ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from greenai_core import charts, units, wording
from greenai_core.errors import BadInput
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.queue import Job
from pages.components import badge

Act = Callable[[str, Access], object]
"""What a button does to the job of an id."""

STATES: dict[str, tuple[str, Literal["gray", "blue", "green", "red", "orange"]]] = {
    "blocked": (":material/hourglass_empty:", "gray"),
    "queued": (":material/schedule:", "gray"),
    "dispatched": (":material/outbound:", "blue"),
    "running": (":material/directions_run:", "blue"),
    "succeeded": (":material/check_circle:", "green"),
    "failed": (":material/error:", "red"),
    "cancelled": (":material/cancel:", "orange"),
    "skipped": (":material/skip_next:", "gray"),
}


def live(job: Job, kind: str | None, access: Access) -> None:
    """Show a job that waits or runs, with a button that ends it."""
    with st.container(border=True, key=f"job-{job.id}"):
        _heading(
            job, "Cancel", ":material/stop_circle:", queue.cancel, access, stopping=job.cancel_asked_at is not None
        )
        left = "" if job.eta_s is None else f", about {units.rough(job.eta_s)} left"
        stage = f"{(job.stage_index or 0) + 1}. {job.stage}" if job.stage else "waiting for the worker"
        st.progress(job.fraction or 0.0, text=f"{stage}{left}")
        _figures(job, kind)
        _curve(job)
        _log(job)


def ended(job: Job, kind: str | None, access: Access) -> None:
    """Show a job that has ended, with a button that runs it again."""
    with st.container(border=True, key=f"job-{job.id}"):
        _heading(job, "Run again", ":material/replay:", queue.retry, access)
        if job.error:
            st.error(job.error, icon=":material/error:")
        started = job.started_at or job.submitted_at
        facts = [f"ended {datetime.fromtimestamp(job.ended_at, UTC):%Y-%m-%d %H:%M} UTC" if job.ended_at else ""]
        facts.append(f"after {units.SECONDS.text(job.ended_at - started)}" if job.ended_at else "")
        facts.append(
            f"validation accuracy {units.FRACTION.text(job.accuracy_val)}" if job.accuracy_val is not None else ""
        )
        facts.append(f"run {job.run_id}" if job.run_id else "")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(", ".join(filter(None, facts)), width="content")
            if job.energy_j is not None:
                st.caption(f"energy {units.ENERGY.text(job.energy_j)}", width="content")
                badge.badge(kind)
        if job.state == "succeeded":
            st.page_link(
                "explore.py",
                label="See it on the front",
                icon=":material/scatter_plot:",
                query_params={"dataset": job.spec["dataset"]["name"]},
            )
        _log(job)


def _heading(job: Job, action: str, icon: str, act: Act, access: Access, *, stopping: bool = False) -> None:
    sign, colour = STATES[job.state]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("stopping" if stopping else job.state, icon=sign, color=colour)
        st.markdown(f"**{wording.run(job.spec)}**", width="stretch")
        st.button(
            action,
            key=f"act-{job.id}",
            icon=icon,
            on_click=_act,
            args=(act, job.id, access),
            disabled=stopping or not access.writable,
            help=access.reason or None,
        )


def _figures(job: Job, kind: str | None) -> None:
    epoch = f"{job.epoch} of {job.epochs}" if job.epoch is not None and job.epochs else "not yet"
    with st.grid(4, min_column_width=130):
        st.metric("Epoch", epoch)
        st.metric("Loss", "not yet" if job.loss is None else units.significant(job.loss))
        st.metric(
            "Validation accuracy", "not yet" if job.accuracy_val is None else units.FRACTION.text(job.accuracy_val)
        )
        st.metric(
            f"Energy so far {badge.text(kind)}", "not yet" if job.energy_j is None else units.ENERGY.text(job.energy_j)
        )


def _curve(job: Job) -> None:
    if epochs := queue.curve(job.id):
        st.plotly_chart(
            charts.progress(epochs),
            key=f"curve-{job.id}",
            alt="Loss and validation accuracy after each epoch so far",
            config={"displayModeBar": False},
        )


def _log(job: Job) -> None:
    with st.expander(f"Log (attempt {job.attempts})", icon=":material/notes:"):
        st.code("\n".join(queue.log_tail(job.id)) or "nothing yet", language=None, height=180)


def _act(act: Act, id: str, access: Access) -> None:
    """Do something to a job; what is refused is said in passing, since the job shows how it is anyway."""
    try:
        act(id, access)
    except BadInput as refused:
        st.toast(str(refused), icon=":material/block:")
