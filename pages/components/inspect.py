"""One run in full, or several compared."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from greenai_core import wording
from greenai_core.analysis import compare
from greenai_core.analysis.figures import FACTS, FIGURES, sign
from greenai_core.charts import course
from greenai_core.record import Record
from pages.components import badge, confusion, differences, layer_sizes, provenance, refusal
from pages.components.downloads import downloads
from pages.components.what_if import what_if


def one(record: Record) -> None:
    """Show everything that is stored of a run."""
    st.subheader(wording.run(record.spec), anchor=False)
    if record.status != "succeeded":
        st.warning(wording.ending(record.status, record.notes.get("status", "")), icon=":material/warning:")
    figures, stages, confused, model, other, origin = st.tabs(
        ["Figures", "Stages", "Confusion", "Model and spec", "What if ...?", "Where it comes from"]
    )
    with figures:
        _figures(record)
    with stages:
        _stages(record)
    with confused:
        confusion.of_one(record)
    with model, refusal.shown():
        downloads(record)
    with model:
        layer_sizes.of_one(record)
    with other:
        what_if(record)
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
    st.caption("  \n".join(labels.values()))
    figures, costs, curves, confused, sizes = st.tabs(
        ["Figures", "Cost of each stage", "Learning curves", "Confusion", "Size by layer"]
    )
    with figures:
        differences.of_several(found)
    with costs:
        with badge.doubted(compare.flags(found)):
            st.caption("Training energy", width="content")
            for kind in compare.kinds(found):
                badge.badge(kind)
        st.plotly_chart(
            course.stage_costs(found, labels),
            key="costs",
            alt="Training energy of each stage, one bar per run",
            config={"displayModeBar": False},
        )
    with curves:
        st.plotly_chart(
            course.curves(found, labels),
            key="curves",
            alt="Validation accuracy after each epoch, one line per run",
            config={"displayModeBar": False},
        )
    with confused:
        confusion.of_several(found)
    with sizes:
        layer_sizes.of_several(found)


def _figures(record: Record) -> None:
    with badge.doubted(compare.flags([record])):
        provenance.popover(record, "training", key="training-figures", title="Training energy")
    if record.measurements:
        with badge.doubted(record.measurements[-1].quality):
            provenance.popover(record, "inference", key="inference-figures", title="Inference energy")
    rows = []
    for figure in (*FIGURES.values(), *FACTS.values()):
        value = getattr(record, figure.column)
        kind = getattr(record, figure.kind_column) if figure.kind_column and value is not None else None
        remark = sign(kind) or record.notes.get(figure.column, "")
        rows.append({"Figure": figure.title, "Value": figure.text(value), "Remark": remark})
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="All figures of the run", height="content")
    unknown = dict.fromkeys(record.notes[name] for name in (*FIGURES, *FACTS) if record.notes.get(name))
    if unknown:  # a cell of the table cuts a sentence off
        st.caption("\n".join(f"- {reason}" for reason in unknown))


def _stages(record: Record) -> None:
    parts = compare.parts(record)
    with badge.doubted(compare.flags([record])):
        provenance.popover(record, "training", key="training-stages", title="Training energy")
    labels = compare.short_names([record])
    st.plotly_chart(
        course.stage_costs([record], labels),
        key="stage-costs",
        alt="Training energy of each stage",
        config={"displayModeBar": False},
    )
    energy, seconds = FIGURES["energy_train_j"], FIGURES["cpu_s"]
    rows = [
        {
            "Stage": name,
            "Validation accuracy": FIGURES["accuracy_val"].text(stage.accuracy_val),
            "Parameters": FIGURES["params"].text(stage.params),
            "Non-zero": FIGURES["nonzero_params"].text(stage.nonzero_params),
            "Energy": f"{energy.text(stage.energy_j)} {sign(compare.kind_of(stage, record))}".rstrip(),
            "Processor time": seconds.text(stage.cpu_s),
            "Taken from the store": "yes" if stage.cached else "no",
            "Remark": ", ".join([*([] if stage.ended else ["did not end"]), *stage.window.get("quality", ())]),
        }
        for name, stage in parts.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Stages of the run", height="content")
    if any(stage.curve for stage in record.stages):
        st.plotly_chart(
            course.curves([record], labels),
            key="curve",
            alt="Validation accuracy after each epoch",
            config={"displayModeBar": False},
        )
