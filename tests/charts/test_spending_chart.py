"""The bars of where the joules went: as long as the table says, each kind by itself."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from greenai_core.charts import spending as chart
from greenai_core.charts.looks import OKABE_ITO


def rows(*told: tuple[str, str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(told, columns=["name", "kind", "spent_j", "saved_j"])
    return frame.assign(share=frame["spent_j"] / frame["spent_j"].sum(), runs=1)


TOLD = rows(
    ("train", "estimated", 7200.0, 3600.0), ("train", "measured", 1800.0, 0.0), ("fine_tune", "estimated", 36.0, 0.0)
)


def bars(told: pd.DataFrame) -> dict[str, dict[str, float]]:
    return {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in chart.bars(told).data}


def test_spent_and_saved_are_drawn_apart_and_each_kind_by_itself() -> None:
    assert bars(TOLD) == {
        "spent, ○ estimated": {"train": 2.0, "fine_tune": 0.01},
        "saved by the prefix cache, ○ estimated": {"train": 1.0},
        "spent, ● measured": {"train": 0.5},
    }
    figure = chart.bars(TOLD)
    assert figure.layout.barmode == "group"  # stacked bars would add kinds up
    assert figure.layout.xaxis.title.text == "Energy (Wh)"
    assert list(figure.layout.yaxis.categoryarray) == ["fine_tune", "train"]


def test_kinds_differ_in_colour_and_say_so_by_a_sign_and_saved_is_hollow() -> None:
    spent = {trace.name: trace for trace in chart.bars(TOLD).data}
    solid = [trace.marker.color for name, trace in spent.items() if name.startswith("spent")]
    assert len(set(solid)) == 2 and set(solid) <= set(OKABE_ITO)
    assert spent["saved by the prefix cache, ○ estimated"].marker.color == chart.NOTHING
    assert list(spent["spent, ● measured"].text) == ["1,800 J ●"]


def test_of_many_names_those_of_most_joules_are_drawn() -> None:
    many = rows(*((f"stage {number:02}", "estimated", 100.0 - number, 0.0) for number in range(30)))
    (drawn,) = bars(many).values()
    assert list(drawn) == chart.drawn(many) == [f"stage {number:02}" for number in range(chart.MOST)]


@pytest.mark.parametrize("told", [rows(), rows(("train", "estimated", 0.0, 0.0))])
def test_nothing_is_no_bar(told: pd.DataFrame) -> None:
    assert not chart.bars(told).data


def test_the_chart_in_words() -> None:
    said: Any = chart.describe(TOLD, "Stage")
    assert "train 2.00 Wh spent and 1.00 Wh saved by the cache ○ estimated" in said
    assert "train 1,800 J spent ● measured" in said
    assert said.startswith("Bars of energy by stage:")
