"""The point to take within a person's limits, and what taking it gives up."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from greenai_core import units, wording
from greenai_core.analysis.advice import obstacle, sentence
from greenai_core.analysis.choice import Limits, Recommendation
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


def ask() -> DeltaGenerator:
    """Ask for limits; returns the frame around them, in which `say` answers."""
    frame = st.container(border=True, gap="xsmall", key="recommended")
    with frame, st.container(horizontal=True, vertical_alignment="bottom"):
        st.slider(
            "Accuracy at least (%)", 0.0, 100.0, 0.0, 0.5, key="accuracy_limit", bind=BIND, width=190, format="%.1f"
        )
        for column in STOPS:
            title = f"{FIGURES[column].title} at most"
            st.select_slider(title, list(_offered(column)), ANY, key=f"{column}_limit", bind=BIND, width=190)
    return frame


def say(view: View, found: Recommendation | None) -> None:
    """Say which point is best within the limits, and what it gives up; or why there is none."""
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
    """Return the limits that `ask` asks for, as they stand on the page; none where it is not shown."""
    return _limits(st.session_state)


def of_link() -> Limits:
    """Return the limits in the page's link, which are those that `ask` will begin with."""
    return _limits(st.query_params)


def _limits(stated: Mapping[Any, Any]) -> Limits:
    percent = _percent(stated.get("accuracy_limit"))
    costs = {column: _offered(column).get(stated.get(f"{column}_limit", ANY)) for column in STOPS}
    return Limits.of({"accuracy_val": percent / 100 or None, **costs})


def _percent(stated: Any) -> float:
    """Return the least accuracy that is stated; 0 for what the slider cannot show."""
    with contextlib.suppress(TypeError, ValueError):
        if 0 <= (percent := float(stated)) <= 100:
            return percent
    return 0.0


def _offered(column: str) -> dict[str, float | None]:
    """Return by the words that stand in links where the limit on a cost can be put."""
    return {ANY: None} | {FIGURES[column].text(stop): stop for stop in STOPS[column]}
