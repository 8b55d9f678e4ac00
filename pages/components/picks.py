"""The best runs, worded as answers."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core import units, wording
from greenai_core.analysis import pareto
from greenai_core.analysis.explore import COSTS, View
from greenai_core.analysis.pareto import Pick
from greenai_core.wording import number
from pages.components import data, provenance, refusal
from pages.components.data import Asked


def picks(asked: Asked, view: View) -> None:
    """Show the most accurate recipe, the smallest and the cheapest within one point of it, chosen on validation.

    They are chosen among what filters and the group of the view leave, so that answers and chart speak of the same.
    """
    best = pareto.most_accurate(view.front.table)
    if best is not None:
        st.metric(
            "Best accuracy",
            best.figure.text(best.value),
            f"validation; test {units.FRACTION.text(best.accuracy)}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{_who(view.front.table, best)}. Chosen on validation among {number(best.compared, 'recipe')}; "
            "the test accuracy is reported, never used to choose.",
            height="stretch",
        )
    for title, cost in (("Smallest within 1 point", "Size"), ("Cheapest within 1 point", "Inference energy")):
        points = data.alike(asked, cost, view)
        pick = pareto.cheapest(points, COSTS[cost])
        if pick is not None:
            with st.container(border=True, height="stretch", gap="xsmall"):
                _answer(points, title, pick)


def _answer(points: pd.DataFrame, title: str, pick: Pick) -> None:
    change = units.change(pick.value, pick.reference)
    st.metric(
        title,
        pick.figure.text(pick.value),
        change,
        delta_color="off" if change == "same" else "inverse",
        delta_arrow="off" if change == "same" else "auto",
        delta_description=pick.figure.brief.lower(),
        help=f"{pick.figure.title}, {pick.figure.help}. {_who(points, pick)}: "
        f"validation accuracy {units.FRACTION.text(pick.accuracy_val)}, test {units.FRACTION.text(pick.accuracy)}. "
        f"Compared with the most accurate on validation of {number(pick.compared, 'comparable recipe')}.",
    )
    if pick.kind:
        with refusal.shown():
            provenance.popover(data.record(pick.run_id), "inference", key=f"picked-{title}")


def _who(points: pd.DataFrame, pick: Pick) -> str:
    row = points[points["run_id"] == pick.run_id].iloc[0]
    return f"{wording.point(row)}, {number(pick.seeds, 'seed')}"
