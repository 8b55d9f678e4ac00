"""Three objectives drawn: every point at its place, the front whole and in front."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from greenai_core import registry
from greenai_core.analysis import explore, space
from greenai_core.analysis.explore import COSTS, Filters
from greenai_core.analysis.space import Space
from greenai_core.charts import parallel
from greenai_core.charts import space as space_chart
from greenai_core.store import records
from tests import factory


@cache
def stored() -> pd.DataFrame:
    for record in factory.records(2):
        records.save(factory.on_grid(record, 360.0))
    return records.table()


@pytest.fixture
def table() -> pd.DataFrame:
    """Runs of eleven recipes, two seeds each, which are in the store of one test only."""
    return stored().copy()


def ranked(table: pd.DataFrame, third: str = "Latency", **filters: Any) -> Space:
    asked = Filters("digits", **filters)
    flat = explore.view(explore.gather(table, asked), asked)
    assert flat is not None
    found = space.space(space.gather(table, asked, third), flat, asked, third)
    assert found is not None
    return found


def points(figure: go.Figure) -> pd.DataFrame:
    rows = [
        {"run_id": run, "x": x, "y": y, "z": z, "size": trace.marker.size, "symbol": symbol, "text": text}
        for trace in figure.data
        if trace.customdata is not None
        for run, x, y, z, symbol, text in zip(
            trace.customdata, trace.x, trace.y, trace.z, trace.marker.symbol, trace.text, strict=True
        )
    ]
    return pd.DataFrame(rows).set_index("run_id")


@pytest.mark.parametrize("third", ["Throughput", "Lifetime energy"])
def test_every_point_stands_at_its_three_figures(table: pd.DataFrame, third: str) -> None:
    found = ranked(table, third)
    figure = space_chart.draw(found, by="technique", grey="grey")
    shown = points(figure)
    expected = found.deep.front.table.set_index("run_id").loc[shown.index]
    assert len(shown) == len(found.deep.front.table)
    assert shown["z"].to_numpy() == pytest.approx(expected["accuracy_val"].to_numpy() * 100)
    for place, column in (("x", "size_bytes"), ("y", COSTS[third])):
        ratio = expected[column].to_numpy(float) / shown[place].to_numpy()
        assert ratio == pytest.approx(ratio[0])
    assert figure.layout.scene.xaxis.type == figure.layout.scene.yaxis.type == "log"
    assert figure.layout.scene.camera.eye.y * (1 if found.deep.cost.maximize else -1) > 0


def test_the_front_is_large_and_stands_on_stems(table: pd.DataFrame) -> None:
    found = ranked(table)
    figure = space_chart.draw(found, by="technique", grey="#123456")
    shown, front = points(figure), set(found.deep.front.points["run_id"])
    assert 0 < len(front) < len(shown)
    assert set(shown.index[shown["size"] == space_chart.LARGE]) == front
    (stems,) = [trace for trace in figure.data if trace.mode == "lines"]
    assert stems.line.color == "#123456"
    assert len(stems.z) == 3 * len(front)
    assert max(z for z in stems.z[::3]) < shown["z"].min()


def test_tied_points_are_of_middle_size_and_the_legend_says_so(table: pd.DataFrame) -> None:
    found = ranked(table)
    figure = space_chart.draw(found, by="technique", grey="grey")
    tied = set(found.deep.front.table.loc[found.deep.front.table["tied"], "run_id"])
    shown = points(figure)
    assert tied and set(shown.index[shown["size"] == space_chart.MIDDLE]) == tied
    (named,) = [trace for trace in figure.data if trace.name == "Tied"]
    assert named.marker.size == space_chart.MIDDLE


def test_a_point_of_one_seed_is_hollow_in_space_and_tells_what_it_tells_in_the_plane() -> None:
    once = factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5))
    for record in [*factory.records(2), once]:
        records.save(record)
    shown = points(space_chart.draw(ranked(records.table(), "Training energy"), by="technique", grey="grey"))
    assert [run for run, symbol in shown["symbol"].items() if symbol.endswith("-open")] == [once.run_id]
    assert all(
        re.search(
            r"(Validation|Test) accuracy: .+<br>File size: .+<br>Training energy: .+ J( \(.+\))? ○ estimated<br>", text
        )
        for text in shown["text"]
    )
    assert all(run in text for run, text in shown["text"].items())


def test_every_family_has_a_shape_that_is_drawn_in_space(table: pd.DataFrame) -> None:
    solid = {"circle", "circle-open", "diamond", "diamond-open", "square", "square-open"}
    table["technique"] = [f"name-{place}" for place in range(len(table))]  # each a family of its own
    table["replicate_key"] = table["run_id"]
    shown = points(space_chart.draw(ranked(table), by="technique", grey="grey"))
    assert set(shown["symbol"]) <= solid and len(set(shown["symbol"])) == 3


def lines(figure: go.Figure) -> Any:
    (trace,) = [trace for trace in figure.data if trace.type == "parcoords"]
    return trace


@pytest.mark.parametrize("third", ["Latency", "Throughput"])
def test_on_every_parallel_axis_better_is_up(table: pd.DataFrame, third: str) -> None:
    found = ranked(table, third)
    trace = lines(parallel.draw(found, by="technique", grey="grey"))
    points = found.deep.front.table
    ordered = points.iloc[np.argsort(found.deep.front.mask, kind="stable")]
    for dimension, figure in zip(trace.dimensions, found.axes, strict=True):
        better = ordered[figure.column].rank(ascending=figure.maximize)
        assert pd.Series(dimension.values).rank().tolist() == better.tolist()


def test_parallel_axes_are_marked_with_real_values(table: pd.DataFrame) -> None:
    found = ranked(table)
    size, accuracy, _ = lines(parallel.draw(found, by="technique", grey="grey")).dimensions
    assert size.label == "File size (MB)" and accuracy.label == "Validation accuracy (%)"
    values = found.deep.front.table["size_bytes"] / 1024**2
    assert len(size.ticktext) >= 2
    assert list(size.tickvals) == sorted(size.tickvals)  # else plotly turns the words round when it draws again
    for at, text in zip(size.tickvals, size.ticktext, strict=True):
        assert 10**-at == pytest.approx(float(text.replace(",", "")), rel=0.1)
        assert values.min() * 0.999 <= 10**-at <= values.max() * 1.001


def test_lines_of_the_front_are_coloured_and_come_last(table: pd.DataFrame) -> None:
    found = ranked(table)
    figure = parallel.draw(found, by="technique", grey="#123456")
    colours = list(lines(figure).line.color)
    on = int(found.deep.front.mask.sum())
    assert colours[: len(colours) - on] == [0] * (len(colours) - on)
    assert all(colours[len(colours) - on :])
    names = [trace.name for trace in figure.data if trace.type == "scatter"]
    assert names == [*sorted(found.deep.front.points["technique"].unique()), "dominated"]
    assert lines(figure).line.colorscale[0] == (0.0, "#123456")


def test_over_a_narrow_range_a_parallel_axis_still_has_marks(table: pd.DataFrame) -> None:
    table["latency_ms"] = np.linspace(1.01, 1.02, len(table))
    latency = lines(parallel.draw(ranked(table), by="technique", grey="grey")).dimensions[-1]
    assert len(latency.tickvals) >= 2
    table["latency_ms"] = 2.0
    assert list(lines(parallel.draw(ranked(table), by="model", grey="grey")).dimensions[-1].ticktext) == ["2.0"]


def test_a_cost_of_zero_has_no_line_and_is_said_to_be_left_out(table: pd.DataFrame) -> None:
    table["cpu_s"] = [0.0, *table["cpu_s"].iloc[1:]]
    table["replicate_key"] = table["run_id"]
    found = ranked(table, "CPU time")
    assert "1 run with a cost of 0 or less" in found.deep.left_out
    trace = lines(parallel.draw(found, by="technique", grey="grey"))
    assert {len(dimension.values) for dimension in trace.dimensions} == {len(table) - 1}
    assert all(np.isfinite(dimension.values).all() for dimension in trace.dimensions)


@pytest.mark.parametrize("chart", [space_chart, parallel])
def test_the_description_has_the_numbers_and_nothing_is_fetched(table: pd.DataFrame, chart: Any) -> None:
    found = ranked(table)
    assert "11 points of 22 runs" in chart.describe(found)
    assert found.sentence in chart.describe(found)
    assert "http" not in chart.draw(found, by="model", grey="grey").to_json()


def test_no_two_lines_of_the_legend_share_a_colour_where_there_are_enough(table: pd.DataFrame) -> None:
    table["technique"] = [registry.names("techniques")[place] for place in range(len(table))]
    table["replicate_key"] = table["run_id"]
    table["latency_ms"] = np.linspace(1, 2, len(table))
    table["size_bytes"] = np.linspace(2000, 1000, len(table))  # every run is on the front
    for count in (3, 8, 22):
        figure = parallel.draw(ranked(table[:count]), by="technique", grey="grey")
        colours = [trace.line.color for trace in figure.data if trace.type == "scatter" and trace.name != "dominated"]
        assert len(colours) == count and len(set(colours)) == min(count, 8)


def test_the_legend_names_what_is_on_the_front(table: pd.DataFrame) -> None:
    table.loc[table["technique"] == "magnitude_pruning", "accuracy_val"] = 0.1
    found = ranked(table)
    figure = space_chart.draw(found, by="technique", grey="grey")
    named = [trace.name for trace in figure.data if trace.showlegend is not False and trace.mode == "markers"]
    assert (
        set(named) - {"Tied"} == set(found.deep.front.points["technique"]) != set(found.deep.front.table["technique"])
    )
