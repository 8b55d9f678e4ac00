"""The chart of lifetime energy: lines at their place, and a mark where a recipe crosses its baseline."""

from __future__ import annotations

import math
from typing import Any

import plotly.graph_objects as go
import pytest

from greenai_core import units
from greenai_core.analysis.break_even import Costs, break_even
from greenai_core.analysis.contenders import Contender
from greenai_core.analysis.lifetime import LEAST, MOST
from greenai_core.charts import lifetime as lifetime_chart


def costs(train: float, sample: float, train_sd: float = 0.0, sample_sd: float = 0.0) -> Costs:
    """Three seeds around two means."""
    return Costs(
        tuple((seed, train + part * train_sd, sample + part * sample_sd) for seed, part in enumerate((-1.0, 0.0, 1.0)))
    )


BASE = costs(560.0, 7.5e-4)


def contender(name: str, costs: Costs, baseline: str | None = "dense", **changes: Any) -> Contender:
    values: dict[str, Any] = {
        "run_id": f"run-{name}",
        "dense": baseline is None,
        "rank": 1,
        "seeds": 3,
        "accuracy_val": 0.9,
        "accuracy": None,
        "lifetime_j": costs.at(1e6),
        "on_front": True,
        "picked": False,
        "break_even": break_even(costs, BASE) if baseline else None,
    }
    return Contender(name=name, costs=costs, baseline=baseline, **{**values, **changes})


DENSE = contender("dense", BASE, None)
PRUNED = contender("pruned", costs(640.0, 3.5e-4, 8.0, 2e-6))
UNSURE = contender("unsure", costs(640.0, 7.4e-4, 8.0, 8e-6))
CHEAP = contender("cheap", Costs(((0, 400.0, 8.5e-4),)))
NEVER = contender("masked", costs(780.0, 7.6e-4))
LATE = contender("late", costs(560.0 + 2e3, 7.5e-4 - 1e-9))


def drawn(*shown: Contender, **options: Any) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in lifetime_chart.lines(shown, predictions=1e6, **options).data}


def test_every_recipe_is_a_line_over_all_numbers_of_predictions() -> None:
    traces = drawn(DENSE, PRUNED)
    for one in (DENSE, PRUNED):
        line = traces[one.name]
        assert (line.x[0], line.x[-1]) == (LEAST, pytest.approx(MOST))
        size = one.costs.at(line.x[0]) / line.y[0]
        assert [y * size for y in line.y] == pytest.approx([one.costs.at(n) for n in line.x])
        assert "1 billion predictions: " in "".join(line.text)
        assert "<b>" in line.hovertemplate
    figure = lifetime_chart.lines([DENSE, PRUNED], predictions=1e6)
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "log")
    assert figure.layout.yaxis.title.text in {f"Lifetime energy ({unit.name})" for unit in units.ENERGY.units}


def test_a_crossing_is_marked_on_both_lines_with_its_interval() -> None:
    mark = drawn(DENSE, PRUNED)["pruned crosses dense"]
    (at,), (value,) = mark.x, mark.y
    assert at == pytest.approx(200_000)
    assert list(mark.text) == ["200,000"]
    unit = lifetime_chart.lines([DENSE, PRUNED], predictions=1e6).layout.yaxis.title.text
    size = next(unit_.size for unit_ in units.ENERGY.units if f"({unit_.name})" in unit)
    assert value * size == pytest.approx(BASE.at(at)) == pytest.approx(PRUNED.costs.at(at))
    assert PRUNED.break_even is not None
    low, high = PRUNED.break_even.interval or (math.nan, math.nan)
    assert (at - mark.error_x.arrayminus[0], at + mark.error_x.array[0]) == (pytest.approx(low), pytest.approx(high))
    assert "200,000 predictions" in mark.hovertemplate


def test_an_interval_without_end_is_drawn_to_the_edge() -> None:
    assert UNSURE.break_even is not None
    assert UNSURE.break_even.interval is not None
    assert UNSURE.break_even.interval[1] == math.inf
    mark = drawn(DENSE, UNSURE)["unsure crosses dense"]
    assert mark.x[0] + mark.error_x.array[0] == pytest.approx(MOST)
    assert "may never pay back" in mark.hovertemplate


def test_an_interval_from_nothing_on_is_drawn_from_the_edge() -> None:
    wide = contender("wide", costs(640.0, 3.5e-4, 100.0, 2e-6))
    assert wide.break_even is not None
    assert wide.break_even.interval is not None
    assert wide.break_even.interval[0] == 0
    mark = drawn(DENSE, wide)["wide crosses dense"]
    assert mark.x[0] - mark.error_x.arrayminus[0] == pytest.approx(LEAST)


def test_an_unknown_interval_is_not_drawn() -> None:
    mark = drawn(DENSE, CHEAP)["cheap crosses dense"]
    assert (mark.error_x.array[0], mark.error_x.arrayminus[0]) == (0, 0)
    assert "one seed only" in mark.hovertemplate


@pytest.mark.parametrize("shown", [(DENSE, NEVER), (DENSE, LATE), (PRUNED,), (DENSE,), ()])
def test_where_nothing_crosses_within_the_chart_nothing_is_marked(shown: tuple[Contender, ...]) -> None:
    assert not [name for name in drawn(*shown) if "crosses" in name]


def test_crossings_are_labelled_from_left_to_right_in_different_places() -> None:
    traces = drawn(DENSE, UNSURE, PRUNED, CHEAP)
    marks = [trace for name, trace in traces.items() if "crosses" in name]
    assert [mark.x[0] for mark in marks] == sorted(mark.x[0] for mark in marks)
    assert len({mark.textposition for mark in marks}) == len(marks) == 3


def test_the_pick_is_bold_and_lines_are_told_apart_without_colour() -> None:
    names = [f"recipe {index}" for index in range(lifetime_chart.LINES)]
    shown = [contender(name, PRUNED.costs, None, picked=name == "recipe 3") for name in names]
    lines = drawn(*shown)
    assert (
        len({lines[name].line.color for name in names}) == len({lines[name].line.dash for name in names}) == len(names)
    )
    assert [name for name in names if lines[name].line.width > 2] == ["recipe 3"]


def test_a_recipe_keeps_its_look_when_the_ranking_changes() -> None:
    one, other = drawn(DENSE, PRUNED, NEVER), drawn(NEVER, PRUNED, DENSE)
    assert [one[name].line for name in ("dense", "pruned")] == [other[name].line for name in ("dense", "pruned")]


def test_carbon_is_drawn_in_grams() -> None:
    scale = (units.CARBON, 1e-4)
    figure = lifetime_chart.lines([DENSE, PRUNED], predictions=1e6, scale=scale)
    assert "Lifetime carbon" in figure.layout.yaxis.title.text
    assert "CO2e" in figure.data[0].text[0]
    assert drawn(DENSE, PRUNED, scale=scale)["pruned crosses dense"].x[0] == pytest.approx(200_000)
    assert "131 mg CO2e" in lifetime_chart.describe([DENSE], predictions=1e6, scale=scale)


def test_the_chart_in_words_names_lifetimes_and_crossings() -> None:
    said = lifetime_chart.describe([DENSE, PRUNED, CHEAP, NEVER], predictions=1e6)
    assert "1,000 to 1 trillion" in said
    assert "For 1 million predictions: dense 1,310 J, pruned 990 J" in said
    assert "pruned breaks even with dense at 200,000 predictions, after which it is the cheaper one" in said
    assert "cheap breaks even with dense at 1.6 million predictions, after which it is the dearer one" in said
    assert "masked breaks" not in said
    assert "None breaks even with its baseline here." in lifetime_chart.describe([DENSE, NEVER], predictions=1e6)
