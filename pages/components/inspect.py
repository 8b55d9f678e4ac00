"""One run in full, or several compared."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from greenai_core import charts, deploy, wording
from greenai_core.analysis import compare
from greenai_core.analysis.figures import FACTS, FIGURES
from greenai_core.record import Record
from pages.components import badge, refusal

LEGEND = "● measured, ◐ apportioned, ○ estimated"


def one(record: Record) -> None:
    """Show everything that is stored of a run."""
    st.subheader(wording.run(record.spec), anchor=False)
    figures, stages, model, origin = st.tabs(["Figures", "Stages", "Model and spec", "Where it comes from"])
    with figures:
        _figures(record)
    with stages:
        _stages(record)
    with model, refusal.shown():
        _downloads(record)
    with origin:
        left, right = st.columns(2)
        left.markdown("**Environment**")
        left.json(record.environment, expanded=1)
        right.markdown("**Provenance**")
        right.json(record.provenance, expanded=1)


def several(found: Sequence[Record]) -> None:
    """Compare runs with the first of them."""
    st.subheader(f"{wording.number(len(found), 'run')} compared", anchor=False)
    labels = compare.short_names(found)
    figures, costs, curves = st.tabs(["Figures", "Cost of each stage", "Learning curves"])
    with figures:
        st.dataframe(
            compare.side_by_side(found),
            hide_index=True,
            height="content",
            alt="Figures of the selected runs, side by side",
        )
        st.caption(f"Differences are from the first run. Energy: {LEGEND}.")
    with costs:
        badge.trust("Training energy", [record.energy_train_kind for record in found], compare.flags(found))
        st.plotly_chart(
            charts.stage_costs(found, labels),
            key="costs",
            alt="Training energy of each stage, one bar per run",
            config={"displayModeBar": False},
        )
    with curves:
        st.plotly_chart(
            charts.curves(found, labels),
            key="curves",
            alt="Validation accuracy after each epoch, one line per run",
            config={"displayModeBar": False},
        )


def _figures(record: Record) -> None:
    if record.measurements:
        badge.trust("Inference energy", [record.energy_inference_kind], record.measurements[-1].quality)
    rows = []
    for figure in (*FIGURES.values(), *FACTS.values()):
        value = getattr(record, figure.column)
        kind = getattr(record, figure.kind_column) if figure.kind_column and value is not None else None
        how = f"{badge.sign(kind)}" if kind else record.notes.get(figure.column, "")
        rows.append({"Figure": figure.title, "Value": figure.text(value), "Remark": how})
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="All figures of the run", height="content")


def _stages(record: Record) -> None:
    parts = compare.parts(record)
    badge.trust("Training energy", [record.energy_train_kind], compare.flags([record]))
    labels = compare.short_names([record])
    st.plotly_chart(
        charts.stage_costs([record], labels),
        key="stage-costs",
        alt="Training energy of each stage",
        config={"displayModeBar": False},
    )
    energy, seconds = FIGURES["energy_train_j"], FIGURES["cpu_s"]
    rows = [
        {
            "Stage": name,
            "Validation accuracy": FIGURES["accuracy_val"].text(stage.accuracy_val),
            "Parameters": f"{stage.params:,}",
            "Non-zero": f"{stage.nonzero_params:,}",
            "Energy": f"{energy.text(stage.energy_j)} {badge.sign(record.energy_train_kind)}",
            "Processor time": seconds.text(stage.cpu_s),
            "Taken from the store": "yes" if stage.cached else "no",
            "Remark": ", ".join(stage.window.get("quality", ())),
        }
        for name, stage in parts.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Stages of the run", height="content")
    if any(stage.curve for stage in record.stages):
        st.plotly_chart(
            charts.curves([record], labels),
            key="curve",
            alt="Validation accuracy after each epoch",
            config={"displayModeBar": False},
        )


def _downloads(record: Record) -> None:
    content = deploy.model(record)
    with st.container(horizontal=True):
        st.download_button(
            "Download spec",
            json.dumps(record.spec, indent=2),
            f"{record.run_id}.json",
            "application/json",
            key="spec",
            icon=":material/data_object:",
            on_click="ignore",
            help="the Launch page and the command line take it",
        )
        if content is not None:
            st.download_button(
                f"Download model ({FIGURES['size_bytes'].text(len(content))})",
                content,
                deploy.file_name(record),
                "application/octet-stream",
                key="onnx",
                icon=":material/download:",
                on_click="ignore",
            )
    if content is None:
        st.info("The model of this run is not stored here. Launch its spec to make it.", icon=":material/inventory_2:")
        return
    st.markdown("These lines load it:")
    st.code(deploy.lines(record), language="python")
