"""The point to take within a person's limits, and what taking it gives up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from greenai_core import units, wording
from greenai_core.analysis.advice import obstacle, sentence
from greenai_core.analysis.choice import Limits, recommend
from greenai_core.analysis.explore import View
from greenai_core.analysis.figures import FIGURES
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.spec import Spec, check
from greenai_core.wording import number
from pages.components import access, act, data
from pages.components.controls import BIND
from pages.components.provenance import PLAIN

ANY: Final = "any"
SEEDS = 5
"""With so many the interval of a mean says something."""


def _steps(smallest: int, largest: int) -> list[float]:
    return [digit * 10.0**power for power in range(smallest, largest) for digit in (1, 2, 5)]


STOPS: dict[str, Sequence[float]] = {
    "size_bytes": [step * 1024 for step in _steps(0, 6)],
    "energy_per_sample_j": _steps(-9, 1),
    "latency_ms": _steps(-2, 4),
}
"""Where the limit on each cost can be put."""


def section(view: View) -> str | None:
    """Ask for limits and say which point is best within them; returns its run_id, None where no point keeps them."""
    with st.container(border=True, gap="xsmall", key="recommended"):
        limits = _limits()
        found = recommend(view.front, limits)
        if found is None:
            st.markdown(f":material/block: {obstacle(view.front, limits).translate(PLAIN)}")
            return None
        row = view.front.table[view.front.table["run_id"] == found.run_id].iloc[0]
        test = f"; test accuracy {units.FRACTION.text(found.accuracy)}" if found.accuracy is not None else ""
        who, said = (text.translate(PLAIN) for text in (wording.point(row), sentence(found)))
        st.markdown(f":material/recommend: **{who}** ({number(row['seeds'], 'seed')}{test}). {said}")
        if row["seeds"] == 1:
            _more_seeds(found.run_id)
        return found.run_id


def _limits() -> Limits:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        accuracy = st.slider(
            "Accuracy at least (%)", 0.0, 100.0, 0.0, 0.5, key="accuracy_limit", bind=BIND, width=190, format="%.1f"
        )
        bounds: dict[str, float | None] = {"accuracy_val": accuracy / 100 if accuracy else None}
        for column, stops in STOPS.items():
            offered = {ANY: None} | {FIGURES[column].text(stop): stop for stop in stops}
            chosen = st.select_slider(
                f"{FIGURES[column].title} at most", list(offered), ANY, key=f"{column}_limit", bind=BIND, width=190
            )
            bounds[column] = offered[chosen]
    return Limits.of(bounds)


def _more_seeds(run_id: str) -> None:
    """Offer further seeds of a recipe whose place one seed cannot tell."""
    spec = data.record(run_id).spec
    others = [check(spec | {"seed": spec["seed"] + more}) for more in range(1, SEEDS)]
    act.button(
        f"Run {SEEDS - 1} more seeds",
        _submit,
        others,
        access=access.current(),
        key="more-seeds",
        icon=":material/casino:",
        help="One seed cannot say how much of this is luck.",
    )


def _submit(specs: Sequence[Spec], allowed: Access) -> None:
    queue.submit(specs, access=allowed)
    st.toast(f"{len(specs)} runs are queued; Jobs shows how far they are.", icon=":material/rocket_launch:")
