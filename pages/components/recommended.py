"""The point to take within a person's limits, and what taking it gives up."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from greenai_core import units, wording
from greenai_core.analysis.advice import obstacle, sentence
from greenai_core.analysis.choice import Limits, Recommendation, recommend
from greenai_core.analysis.explore import View
from greenai_core.analysis.figures import FIGURES
from greenai_core.wording import number
from pages.components import seeds
from pages.components.controls import BIND
from pages.components.provenance import PLAIN

ANY: Final = "any"


def _steps(smallest: int, largest: int) -> list[float]:
    return [digit * 10.0**power for power in range(smallest, largest) for digit in (1, 2, 5)]


STOPS: dict[str, Sequence[float]] = {
    "size_bytes": [step * 1024 for step in _steps(0, 6)],
    "energy_per_sample_j": _steps(-9, 1),
    "latency_ms": _steps(-2, 4),
}
"""Where the limit on each cost can be put."""


def within(view: View) -> Recommendation | None:
    """Return which point is best within the limits; None where no point keeps them."""
    return recommend(view.front, limits())


def section(view: View, found: Recommendation | None) -> None:
    """Ask for limits and say which point is best `within` them, and why."""
    with st.container(border=True, gap="xsmall", key="recommended"):
        _ask()
        if found is None:
            st.markdown(f":material/block: {obstacle(view.front, limits()).translate(PLAIN)}")
            return
        points = view.front.table[view.front.table["run_id"] == found.run_id]
        row = points.iloc[0]
        test = f"; test accuracy {units.FRACTION.text(found.accuracy)}" if found.accuracy is not None else ""
        who, said = (text.translate(PLAIN) for text in (wording.point(row), sentence(found)))
        st.markdown(f":material/recommend: **{who}** ({number(row['seeds'], 'seed')}{test}). {said}")
        seeds.more(view, points, key="more-seeds")


def limits() -> Limits:
    """Return the limits as they stand on the page or, where it has not shown them yet, in its link."""
    bounds: dict[str, float | None] = {"accuracy_val": _least_percent() / 100 or None}
    for column in STOPS:
        bounds[column] = _offered(column).get(_stated(f"{column}_limit"))
    return Limits.of(bounds)


def _ask() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.slider(
            "Accuracy at least (%)", 0.0, 100.0, 0.0, 0.5, key="accuracy_limit", bind=BIND, width=190, format="%.1f"
        )
        for column in STOPS:
            title = f"{FIGURES[column].title} at most"
            st.select_slider(title, list(_offered(column)), ANY, key=f"{column}_limit", bind=BIND, width=190)


def _stated(key: str) -> Any:
    return st.session_state.get(key, st.query_params.get(key))


def _least_percent() -> float:
    """Return the limit on accuracy; 0 where the link holds none that the slider could show."""
    with contextlib.suppress(TypeError, ValueError):
        if 0 <= (percent := float(_stated("accuracy_limit"))) <= 100:
            return percent
    return 0.0


def _offered(column: str) -> dict[str, float | None]:
    """Return by the words that stand in links where the limit on a cost can be put."""
    return {ANY: None} | {FIGURES[column].text(stop): stop for stop in STOPS[column]}
