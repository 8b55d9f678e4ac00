"""What a job said, and its attempts, behind a click: looked up only then."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from greenai_core import units
from greenai_core.jobs import queue
from greenai_core.jobs.queue import Attempt, Job
from pages.components import badge
from pages.components.provenance import PLAIN


def log(job: Job, kind: str | None) -> None:
    """Show the end of a job's log and how each attempt at it went."""
    label = "Log" if job.attempts <= 1 else f"Log, {job.attempts} attempts"
    opened = st.expander(label, icon=":material/notes:", type="compact", key=f"log-{job.id}", on_change="rerun")
    if not opened.open:
        return
    with opened:
        if made := queue.attempts(job.id):
            st.table(_table(made, kind), border="horizontal", hide_index=True, alt="Attempts at this job")
        if lines := queue.log_tail(job.id):
            st.code("\n".join(lines), language=None, height=180)
        else:
            st.caption("It has said nothing.")


def _table(made: list[Attempt], kind: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Attempt": str(one.attempt),
                "Host": (one.host or "never began").translate(PLAIN),
                "Outcome": one.outcome or "goes on",
                "Why": (one.reason or "").translate(PLAIN),
                f"Energy {badge.text(kind)}": "" if one.energy_j is None else units.ENERGY.text(one.energy_j),
                "Began": ""
                if one.started_at is None
                else f"{datetime.fromtimestamp(one.started_at, UTC):%H:%M:%S} UTC",
                "Took": units.SECONDS.text(one.ended_at - one.started_at) if one.ended_at and one.started_at else "",
            }
            for one in made
        ]
    )
