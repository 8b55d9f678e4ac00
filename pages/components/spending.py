"""Where the joules of the runs stored here went, and what the prefix cache saved."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.spending import QUESTIONS, Spending, answer, shown, spending
from greenai_core.analysis.thinning import count
from greenai_core.charts import spending as chart
from greenai_core.store import records
from greenai_core.wording import number
from pages.components import badge, data, empty
from pages.components.controls import BIND
from pages.components.provenance import PLAIN

COUNTED = """
- **Spent** is all that the runs of this store took, imported ones included, each with every stage that it carried out
  itself, its teachers' included. Shipped runs are not counted, nor runs that were deleted, nor timing a run again.
- **On the front**: runs that succeeded are points as on Explore, the seeds of a recipe together at their means, and are
  compared with all others here on the same version of a data set. A point is on the front if no other has at least its
  validation accuracy and at most its file size, and one of the two better. All of a point's runs count alike.
- **Not ranked**: the run succeeded, but its validation accuracy or its size is unknown.
- **Evaluation, export, measuring** is what is left of a run without its stages: reading data and looking at the
  validation accuracy between epochs are in it, too.
- **Saved**: stages that a run took from the prefix cache, at what they cost when they ran, once per run that took them.
  It was never spent, and is no part of the rest.
- How joules were obtained is that of the whole run; a part of it is never shown as surer.
"""


def section() -> None:
    """Answer in words, then show a chart and the table behind it."""
    st.subheader("Where the joules went", anchor=False)
    found = _spending(records.version())
    _unknown(found)
    if not found.kinds:
        if not found.unknown:
            empty.nothing_stored()
        return
    for kind in found.kinds:
        st.markdown(f"{badge.text(kind)} {answer(found, kind).translate(PLAIN)}")
    heading = st.segmented_control(
        "Told apart by", list(QUESTIONS), default="Outcome", required=True, key="joules_by", bind=BIND
    )
    rows = found.by(QUESTIONS[heading])
    st.plotly_chart(chart.bars(rows), key="joules", config={"displayModeBar": False}, alt=chart.describe(rows, heading))
    if told := count(len(chart.drawn(rows)), rows["name"].nunique()):
        st.caption(f"{told}: those of most joules; the table holds all.")
    st.dataframe(shown(rows, heading), hide_index=True, placeholder="", alt=f"Energy by {heading.lower()}")
    st.download_button(
        "Download CSV",
        lambda: _all(found).to_csv(index=False).encode(),
        "joules.csv",
        "text/csv",
        key="joules_csv",
        icon=":material/download:",
        on_click="ignore",
        help="told apart in all four ways, in joules",
    )
    st.caption(COUNTED)


def _unknown(found: Spending) -> None:
    """Say what is in no sum."""
    if found.unknown:
        st.caption(
            f"Left out: {number(found.unknown, 'run')} whose energy is unknown, as no source covered what did the work."
        )
    if found.untold:
        st.caption(f"The energy of {number(found.untold, 'stage')} taken from the cache is unknown and not in the sum.")


def _all(found: Spending) -> pd.DataFrame:
    parts = [found.by(column).assign(told_apart_by=column) for column in QUESTIONS.values()]
    return pd.concat(parts, ignore_index=True).set_index("told_apart_by").reset_index()


@st.cache_resource(max_entries=2, show_spinner="Adding up the joules")
def _spending(version: str) -> Spending:
    return spending(data.runs(), records.outlays())
