"""How far a job is that runs: its figures and its curve."""

from __future__ import annotations

import streamlit as st

from greenai_core import units
from greenai_core.charts import course
from greenai_core.jobs import queue
from greenai_core.jobs.queue import Job
from pages.components import badge


def figures(job: Job, kind: str | None) -> None:
    """Show epoch, loss, validation accuracy and joules so far."""
    before = "not yet" if job.loss is None else "none now"
    epoch = f"{job.epoch} of {job.epochs}" if job.epoch is not None and job.epochs else before
    with st.grid(4, min_column_width=190):  # wide enough for the badge
        st.metric("Epoch", epoch)
        st.metric("Loss", "not yet" if job.loss is None else units.significant(job.loss))
        st.metric(
            "Validation accuracy", "not yet" if job.accuracy_val is None else units.FRACTION.text(job.accuracy_val)
        )
        st.metric(
            f"Energy so far {badge.text(kind)}", "not yet" if job.energy_j is None else units.ENERGY.text(job.energy_j)
        )


def curve(job: Job) -> None:
    """Draw loss and validation accuracy after each epoch so far."""
    if epochs := queue.curve(job.id):
        st.plotly_chart(
            course.progress(epochs),
            key=f"curve-{job.id}",
            alt="Loss and validation accuracy after each epoch so far",
            config={"displayModeBar": False},
        )
