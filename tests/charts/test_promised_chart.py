"""Promised to the right, real upwards: points at their place, the diagonal, and the same in words."""

from __future__ import annotations

import pandas as pd
import pytest

from greenai_core.charts import promised as chart
from greenai_core.charts.looks import looks

NAME = "latency_ms"


def case(technique: str, promised: float, real: float, seeds: int = 3) -> dict[str, object]:
    return {
        "run_id": f"run-{technique}-{promised:g}",
        "what": technique,
        "stage": technique,
        "model": "mnist_cnn",
        "recipe": [{"name": "train", "epochs": 3}, {"name": technique}],
        "seeds": seeds,
        "promised": promised,
        f"{NAME}_times": real,
    }


CASES = pd.DataFrame(
    [
        case("magnitude_pruning", 10.0, 0.98),
        case("l1_channel_pruning", 5.0, 7.1),
        case("static_quantization", 4.0, 2.2, seeds=1),
        case("distill", float("nan"), 1.0),
        case("half_precision", 2.0, float("nan")),
    ]
)


def test_points_lie_at_what_they_promise_and_what_they_keep() -> None:
    figure = chart.draw(CASES, NAME)
    drawn = {trace.name: (*trace.x, *trace.y) for trace in figure.data if trace.mode == "markers"}
    assert drawn == {
        "magnitude_pruning": (10.0, 0.98),
        "l1_channel_pruning": (5.0, 7.1),
        "static_quantization": (4.0, 2.2),
    }
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert figure.layout.yaxis.title.text == "Real: latency (times shorter)"


def test_the_diagonal_is_the_promise_kept_and_a_line_says_as_before() -> None:
    lines = {trace.name: trace for trace in chart.draw(CASES, NAME).data if trace.mode == "lines"}
    assert list(lines["promise kept"].x) == list(lines["promise kept"].y)
    assert lines["promise kept"].x[0] < 0.98 and lines["promise kept"].x[1] > 10
    assert list(lines["as before"].y) == [1, 1]


def test_families_differ_in_shape_and_a_single_seed_is_hollow() -> None:
    traces = {trace.name: trace for trace in chart.draw(CASES, NAME).data if trace.mode == "markers"}
    expected = looks("technique", list(traces))
    assert traces["magnitude_pruning"].marker.symbol == (expected["magnitude_pruning"]["symbol"],)
    assert traces["static_quantization"].marker.symbol == (f"{expected['static_quantization']['symbol']}-open",)
    shapes = {trace.marker.symbol[0].removesuffix("-open") for trace in traces.values()}
    assert len(shapes) == 3
    assert "promised 10 times, measured 0.98 times in latency" in traces["magnitude_pruning"].text[0]


def test_of_very_many_points_some_are_drawn() -> None:
    many = pd.DataFrame([case("magnitude_pruning", 1 + place / 500, 1 + place % 77) for place in range(5000)])
    (points,) = [trace for trace in chart.draw(many, NAME).data if trace.mode == "markers"]
    assert len(points.x) == len(chart.shown(many, NAME)) <= 2000


@pytest.mark.parametrize("rows", [CASES.iloc[3:], CASES.iloc[:0]])
def test_nothing_to_draw_is_said(rows: pd.DataFrame) -> None:
    assert not [trace for trace in chart.draw(rows, NAME).data if trace.mode == "markers"]
    assert chart.describe(rows, NAME).startswith("An empty chart")


def test_the_chart_in_words() -> None:
    assert chart.describe(CASES, NAME) == (
        "Scatter of what was promised against what was measured in latency, for 3 recipes; 1 keep their promise. "
        "Farthest from it is magnitude_pruning: promised 10 times, measured 0.98 times in latency. The table below "
        "holds the same."
    )
