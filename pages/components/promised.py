"""Whether techniques deliver what their parameters promise: in bytes, in time, in joules."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.explore import View
from greenai_core.analysis.pareto import group_id
from greenai_core.analysis.promised import (
    KEPT,
    REAL,
    against_dense,
    answer,
    compared,
    groups,
    table,
    zippable,
)
from greenai_core.analysis.shortfall import reasons
from greenai_core.analysis.thinning import MOST, count
from greenai_core.charts import promised as chart
from greenai_core.spec import digest
from greenai_core.store.specs import specs
from greenai_core.units import significant
from greenai_core.wording import number
from pages.components import badge, controls, data, refusal, zipped
from pages.components.controls import BIND
from pages.components.data import Asked
from pages.components.provenance import PLAIN

MOST_ZIPPED = 200
"""Files that are read and zipped at most, each once; a large one takes half a second."""

MOST_TOLD = 8
"""Techniques whose reasons are written out; the table holds all."""

QUESTION = (
    "A sparsity of 0.9 promises ten times fewer bits of weights, int8 four times fewer than float32. Real is what was "
    "measured, mean over the seeds, against the dense network of the same model on the same data set, measured under "
    f"the same conditions. A promise counts as kept from {KEPT:.0%} of it on.".replace("%", " %")
)


def section(asked: Asked, view: View) -> None:
    """Show what the runs that match the filters promise and keep, those first that were timed as those of the view."""
    st.subheader("Promised and real", anchor=False)
    with refusal.shown():
        st.caption(QUESTION)
        filtered = asked.filters.apply(data.runs(asked.version))
        found = groups(filtered)
        if not found:
            st.info(
                "No run here was timed, so that nothing real can be held against what its parameters promise.",
                icon=":material/timer_off:",
            )
            return
        keys, runs = _chosen(view, found)
        cases = _cases(asked.version, digest([group_id(keys), *runs["run_id"]]), keys, runs)
        if left := len(filtered) - len(runs):
            st.caption(f"Left out: {number(left, 'run')} not timed, or timed under other conditions.")
        if cases.empty:
            st.info("Every run here is dense: nothing was promised.", icon=":material/balance:")
            return
        rows = compared(cases, zipped.sizes(asked.version, zippable(cases, MOST_ZIPPED)))
        st.markdown(f"{answer(rows).translate(PLAIN)} {badge.text(keys['energy_inference_kind'])}")
        _moving(rows)


@st.fragment
def _moving(rows: pd.DataFrame) -> None:
    """Show one figure as a chart, then all of them; only this part of the page is drawn anew."""
    words = st.segmented_control("Real", list(REAL), default="File", required=True, key="real", bind=BIND)
    name = REAL[words]
    st.plotly_chart(
        chart.draw(rows, name), key="promised-chart", config={"displaylogo": False}, alt=chart.describe(rows, name)
    )
    known = chart.drawable(rows, name)
    if told := count(len(chart.shown(known, name)), len(known)):
        st.caption(f"{told}, thinned where they lie close.")
    _why_not(rows, name)
    most = rows.head(MOST)
    st.dataframe(
        table(most, reasons(most)), hide_index=True, placeholder="", alt="What each recipe promises, keeps and why not"
    )
    if told := count(len(most), len(rows)):
        st.caption(f"{told}, those that promise most.")
    st.download_button(
        "Download CSV",
        lambda: table(rows, reasons(rows)).to_csv(index=False).encode(),
        "promised.csv",
        "text/csv",
        key="promised_csv",
        icon=":material/download:",
        on_click="ignore",
        help="ratios to the dense baseline, and why promises are not kept",
    )


def _why_not(rows: pd.DataFrame, name: str) -> None:
    """Write out why promises are not kept in a figure, of each technique where it falls shortest."""
    known = chart.drawable(rows, name)
    share = (known[f"{name}_times"] / known["promised"]).sort_values()
    missed = known.loc[share[share < KEPT].index].drop_duplicates("what")
    told = missed.head(MOST_TOLD)
    lines = []
    for row, reason in zip(told.to_dict("records"), reasons(told)[name], strict=True):
        promised, real = (significant(row[column], 2) for column in ("promised", f"{name}_times"))
        who = f"**{row['what'].translate(PLAIN)}** ({row['model'].translate(PLAIN)})"
        lines.append(f"- {who}, promised {promised} times, measured {real} times. {reason.translate(PLAIN)}")
    if len(missed) > MOST_TOLD:
        lines.append(f"- {number(len(missed) - MOST_TOLD, 'technique')} more: the table says why.")
    unknown = set(rows.loc[rows["promised"].notna(), "what"]) - set(known["what"])
    if unknown:
        lines.append(f"- {number(len(unknown), 'technique')} cannot be judged here: the table says why.")
    st.markdown("\n".join(lines))


def _chosen(view: View, found: list[tuple[dict[str, str], pd.DataFrame]]) -> tuple[dict[str, str], pd.DataFrame]:
    """Offer the groups that were measured alike, where there are several; first those that the chart above shows."""
    drawn = view.front.keys
    ordered = sorted(found, key=lambda group: any(drawn.get(key, value) != value for key, value in group[0].items()))
    offered = {group_id(keys): (keys, runs) for keys, runs in ordered}
    return offered[controls.group(offered, next(iter(offered)), key="promised_group")]


@st.cache_resource(max_entries=8, show_spinner="Looking for the dense baselines")
def _cases(version: str, chosen: str, _keys: dict[str, str], _runs: pd.DataFrame) -> pd.DataFrame:
    return against_dense(_keys, _runs, data.runs(version), specs)
