"""Recipes ranked by lifetime energy: the answer in words, the chart, the table, and files to take away."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from greenai_core.analysis.advice import obstacle
from greenai_core.analysis.choice import Limits
from greenai_core.analysis.contenders import Contender, answer, latex, remarks, table, telling
from greenai_core.analysis.lifetime import Lifetime, Scale, scale, terms
from greenai_core.analysis.pareto import Front
from greenai_core.analysis.recost import Assumptions, recost
from greenai_core.charts import lifetime as chart
from pages.components import data
from pages.components.provenance import PLAIN

WIDTH = 230
"""Pixels of the column whose heading says all that lifetimes hold for."""


def show(
    shown: tuple[Contender, ...], front: Front, lifetime: Lifetime, assumptions: Assumptions, limits: Limits
) -> None:
    """Show the answer in words, the chart, the table, and what was assumed."""
    shown_in, drawn = scale(assumptions), telling(shown, chart.LINES)
    picked = next((one for one in shown if one.picked), None)
    said = answer(shown, lifetime.predictions, shown_in, limits) if picked else obstacle(front, limits)
    st.markdown(said.translate(PLAIN))
    st.plotly_chart(
        chart.lines(drawn, predictions=lifetime.predictions, scale=shown_in),
        key="lifetime-chart",
        config={"displaylogo": False},
        alt=chart.describe(drawn, predictions=lifetime.predictions, scale=shown_in),
    )
    _listed(shown, shown_in, lifetime, assumptions)
    assumed = recost(data.record((picked or shown[0]).run_id), assumptions).assumed
    notes = (*remarks(shown), *assumed, "All recipes are scaled alike: no break-even moves.")
    st.caption("\n".join(f"- {sentence}" for sentence in notes))


def _listed(shown: tuple[Contender, ...], shown_in: Scale, lifetime: Lifetime, assumptions: Assumptions) -> None:
    """Show the table, and offer it as files that say what its lifetimes hold for."""
    said, file = terms(lifetime, assumptions), f"lifetime_{lifetime.predictions:.0f}_predictions"
    frame = table(shown, shown_in, said)
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        column_config={name: st.column_config.NumberColumn(help=said, width=WIDTH) for name in frame if said in name},
        alt=f"Recipes by lifetime energy for {said}, with their break-even",
    )
    with st.container(horizontal=True):
        _file("Download CSV", lambda: frame.to_csv(index=False), f"{file}.csv", "text/csv")
        _file("LaTeX", lambda: latex(shown, shown_in, said), f"{file}.tex", "application/x-tex")


def _file(label: str, text: Callable[[], str], name: str, mime: str) -> None:
    st.download_button(
        label,
        lambda: text().encode(),
        name,
        mime,
        key=f"lifetime-{label}",
        icon=":material/download:",
        on_click="ignore",
        help="what is shown here, for these assumptions",
    )
