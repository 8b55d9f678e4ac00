"""One stored run under other assumptions, without running it again."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.recost import Assumptions, recost, watts_assumed
from greenai_core.energy.carbon import countries
from greenai_core.record import Record
from greenai_core.settings import settings
from pages.components import overhead, refusal

STATED = "Another figure"


def what_if(record: Record) -> None:
    """Ask for a grid, the overhead of a building and the watts of a core, and show what the run then comes to."""
    st.caption("The same run on another grid, in a data centre, or with another guess of what a core takes.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        country, grams, source = _grid(record)
        pue = overhead.pue(f"pue-{record.run_id}")
        watts = _watts(record)
    with refusal.shown():
        assumptions = Assumptions(country=country, g_per_kwh=grams, source=source, pue=pue, w_per_core=watts)
        found = recost(record, assumptions)
        rows = [{"Figure": row["figure"], "Value": row["value"], "Remark": row["how"]} for row in found.rows()]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", alt="The run under these assumptions")
        st.caption("\n".join(f"- {sentence}" for sentence in found.assumed))


def _grid(record: Record) -> tuple[str | None, float | None, str | None]:
    """Ask for a country, or for a figure and who says it."""
    named = countries()
    usual = (record.carbon_intensity or {}).get("country") or settings().country
    options = [STATED, *named]
    chosen = st.selectbox(
        "Grid",
        options,
        index=options.index(usual) if usual in named else None,
        format_func=lambda code: f"{named[code]} ({code})" if code in named else code,
        placeholder="No country",
        key=f"grid-{record.run_id}",
        width=240,
    )
    if chosen != STATED:
        return chosen, None, None
    grams = st.number_input(
        "g CO2e per kWh", min_value=0.0, value=30.0, step=10.0, key=f"grams-{record.run_id}", width=140
    )
    source = st.text_input(
        "Who says so", key=f"source-{record.run_id}", placeholder="a forecast for 2030, by ...", width=240
    )
    return None, grams, source or None


def _watts(record: Record) -> float | None:
    """Ask for the watts of a core where joules were estimated with them; None: they stay as they were."""
    before = watts_assumed(record)
    if before is None:
        return None
    watts = st.number_input(
        "W per core",
        min_value=0.1,
        value=before,
        step=0.5,
        format="%.1f",
        key=f"watts-{record.run_id}",
        width=130,
        help="power of one busy core; the joules were estimated from processor time with it",
    )
    return None if watts == before else watts
