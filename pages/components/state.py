"""The states of a job as badges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from greenai_core.jobs.queue import Job
from greenai_core.jobs.states import LIVE, State


@dataclass(frozen=True)
class Sign:
    """How a state looks."""

    icon: str
    colour: Literal["gray", "blue", "green", "red", "orange"]


SIGNS: dict[State, Sign] = {
    "blocked": Sign(":material/hourglass_empty:", "gray"),
    "queued": Sign(":material/schedule:", "gray"),
    "dispatched": Sign(":material/outbound:", "blue"),
    "running": Sign(":material/directions_run:", "blue"),
    "succeeded": Sign(":material/check_circle:", "green"),
    "failed": Sign(":material/error:", "red"),
    "cancelled": Sign(":material/cancel:", "orange"),
    "skipped": Sign(":material/skip_next:", "gray"),
}

ENDED = tuple(state for state in SIGNS if state not in LIVE)
"""In the order they are told."""


def badge(job: Job) -> None:
    """Show the state of a job."""
    sign = SIGNS[job.state]
    st.badge("stopping" if stops(job) else job.state, icon=sign.icon, color=sign.colour)


def stops(job: Job) -> bool:
    """Return whether a job that runs was asked to end."""
    return job.state in LIVE and job.cancel_asked_at is not None
