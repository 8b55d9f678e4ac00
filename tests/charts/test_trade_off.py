from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from greenai_core import registry
from greenai_core.analysis import comparable, compare, published
from greenai_core.analysis.explore import COSTS, Filters, View, gather, view
from greenai_core.analysis.figures import FIGURES
from greenai_core.charts import course, looks, point, trade_off
from greenai_core.charts.looks import ColourBy
from greenai_core.store import records
from tests import factory


@pytest.fixture
def table() -> pd.DataFrame:
    for record in factory.records(2):
        records.save(factory.on_grid(record, 360.0))
    return records.table()


def drawn(table: pd.DataFrame, **filters: Any) -> tuple[View, go.Figure]:
    wanted = Filters("digits", **filters)
    found = view(gather(table, wanted), wanted)
    assert found is not None
    return found, trade_off.draw(found, by="technique", rim="white")


def points(figure: go.Figure) -> pd.DataFrame:
    rows = [
        {"run_id": run, "x": x, "y": y, "opacity": opacity, "symbol": symbol, "name": trace.name}
        for trace in figure.data
        if trace.customdata is not None
        for run, x, y, opacity, symbol in zip(
            trace.customdata,
            trace.x,
            trace.y,
            trace.marker.opacity or [1.0] * len(trace.x),
            trace.marker.symbol,
            strict=True,
        )
    ]
    return pd.DataFrame(rows).set_index("run_id")


@pytest.mark.parametrize("cost", COSTS)
def test_every_comparable_run_is_one_point_at_its_place(table: pd.DataFrame, cost: str) -> None:
    found, figure = drawn(table, cost=cost)
    shown = points(figure)
    expected = found.front.table.set_index("run_id")
    assert sorted(shown.index) == sorted(expected.index)
    assert shown["y"].to_numpy() == pytest.approx(expected.loc[shown.index, "accuracy_val"].to_numpy() * 100)
    ratio = expected.loc[shown.index, COSTS[cost]].to_numpy() / shown["x"].to_numpy()
    assert ratio == pytest.approx(ratio[0])
    assert figure.layout.xaxis.type == "log"
    assert re.search(r"\(.+\)|MACs|Parameters", figure.layout.xaxis.title.text)


def test_dominated_points_are_faded_unless_they_are_tied_with_the_front(table: pd.DataFrame) -> None:
    found, figure = drawn(table)
    shown = points(figure)
    full = found.front.table[found.front.mask | found.front.table["tied"]]
    assert 0 < len(full) < len(shown)
    assert set(shown.loc[full["run_id"], "opacity"]) == {1.0}
    assert (shown.drop(index=full["run_id"])["opacity"] < 0.8).all()


def test_tied_points_are_ringed_and_named_in_the_legend(table: pd.DataFrame) -> None:
    found, figure = drawn(table)
    tied = found.front.table[found.front.table["tied"]]
    (rings,) = [trace for trace in figure.data if trace.name == "Tied"]
    assert rings.showlegend is None and rings.customdata is None
    assert list(rings.y) == pytest.approx(list(tied["accuracy_val"] * 100)) and len(tied)
    for record in factory.records(1, dataset="kmnist"):
        records.save(record)
    single = factory.view(Filters("kmnist"))
    assert single is not None and not single.front.table["tied"].any()
    names = [trace.name for trace in trade_off.draw(single, by="model", rim="white").data]
    assert "Tied" not in names


def test_a_point_of_one_seed_is_hollow_and_has_no_bars() -> None:
    once = factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5))
    for record in [*factory.records(2), once]:
        records.save(record)
    _, figure = drawn(records.table())
    shown = points(figure)
    assert [run for run, symbol in shown["symbol"].items() if symbol.endswith("-open")] == [once.run_id]
    for record in factory.records(1, dataset="kmnist"):
        records.save(record)
    single = factory.view(Filters("kmnist"))
    assert single is not None
    (bars,) = [
        trace for trace in trade_off.draw(single, by="model", rim="white").data if trace.error_y.array is not None
    ]
    assert pd.isna(list(bars.error_y.array)).all()


@pytest.mark.parametrize("dot", ["", "-dot"])
def test_every_shape_has_a_hollow_one_that_plotly_knows(dot: str) -> None:
    once = pd.DataFrame({"seeds": [1]})
    hollow = [symbol for shape in looks.SHAPES for symbol in point.symbols(once, shape + dot)]
    assert all("-open" in symbol for symbol in hollow)
    go.Scatter(marker={"symbol": hollow})  # refuses what it does not know


def test_the_bars_of_the_front_are_its_intervals(table: pd.DataFrame) -> None:
    found, figure = drawn(table, cost="Training energy")
    (bars,) = [trace for trace in figure.data if trace.error_y.array is not None]
    front = found.front.points
    assert list(bars.error_y.array)[: len(front)] == pytest.approx(
        list((front["accuracy_val_high"] - front["accuracy_val"]) * 100)
    )
    assert all(x - minus > 0 for x, minus in zip(bars.x, bars.error_x.arrayminus, strict=True))


def test_the_recommended_point_is_ringed(table: pd.DataFrame) -> None:
    found, _ = drawn(table)
    chosen = found.front.points.iloc[0]
    figure = trade_off.draw(found, by="technique", rim="white", pick=chosen["run_id"])
    (ring,) = [trace for trace in figure.data if trace.name == "Recommended"]
    assert list(ring.y) == pytest.approx([chosen["accuracy_val"] * 100])


def test_the_front_is_drawn_as_steps(table: pd.DataFrame) -> None:
    _, figure = drawn(table)
    (line,) = [trace for trace in figure.data if trace.mode == "lines"]
    assert line.line.shape == "hv"
    assert list(line.x) == sorted(line.x)
    assert list(line.y) == sorted(line.y)


def test_where_more_of_both_is_better_the_steps_go_down(table: pd.DataFrame) -> None:
    found, figure = drawn(table, cost="Throughput")
    (line,) = [trace for trace in figure.data if trace.mode == "lines"]
    assert found.cost.maximize and line.line.shape == "vh"
    assert list(line.x) == sorted(line.x)
    assert list(line.y) == sorted(line.y, reverse=True) and len(line.y) > 1


def seen(figure: go.Figure) -> dict[str, tuple[str, str]]:
    """Return colour and shape of each name."""
    traces = [trace for trace in figure.data if trace.customdata is not None and len(trace.customdata)]
    return {trace.name: (trace.marker.color, trace.marker.symbol[0]) for trace in traces}


def test_a_family_has_one_shape_and_a_technique_one_colour(table: pd.DataFrame) -> None:
    _, figure = drawn(table)
    _, fewer = drawn(table, techniques=("magnitude_pruning", "l1_channel_pruning"))
    found = seen(figure)
    assert len({colour for colour, _ in found.values()}) == len(found) == 4
    assert {colour for colour, _ in found.values()} <= set(looks.OKABE_ITO)
    again = seen(fewer)
    assert again == {name: found[name] for name in again}


def test_hovering_tells_the_figures_with_units_and_how_energy_was_obtained(table: pd.DataFrame) -> None:
    _, figure = drawn(table, cost="Training energy")
    text = next(trace for trace in figure.data if trace.customdata is not None and len(trace.text)).text[0]
    assert re.search(r"Validation accuracy: \d+\.\d\d % \(.+ to .+\)<br>Test accuracy: \d+\.\d\d %", text)
    assert re.search(r"Training energy: [\d.]+ J \(.+ to .+\) ○ estimated", text)
    assert re.search(r"2 seeds<br>|on the front in \d+ % of draws", text)


def test_a_long_legend_takes_nothing_from_the_plot(table: pd.DataFrame) -> None:
    _, figure = drawn(table)
    named = table.copy()
    named["technique"] = [registry.names("techniques")[index % 30] for index in range(len(named))]
    named["replicate_key"] = named["run_id"]
    _, crowded = drawn(named)
    assert figure.layout.height == 460
    assert crowded.layout.height > 460 + 50


def test_of_many_points_only_the_front_tells_more_than_its_place(table: pd.DataFrame) -> None:
    named = [table["run_id"] + str(copy) for copy in range(100)]
    many = pd.concat([table.assign(run_id=ids, replicate_key=ids) for ids in named], ignore_index=True)
    found, figure = drawn(many)
    told = {run: trace.text is not None for trace in figure.data if trace.customdata is not None
            for run in trace.customdata}  # fmt: skip
    assert {run for run, words in told.items() if words} == set(found.front.points["run_id"]) < set(told)
    beaten = next(trace for trace in figure.data if trace.customdata is not None and trace.marker.opacity)
    for part in ("Validation accuracy: %{y", "File size (MB): %{x", "%{customdata}"):
        assert part in beaten.hovertemplate


def test_of_very_many_points_the_front_and_some_hundred_others_are_drawn(table: pd.DataFrame) -> None:
    noise = np.random.default_rng(0)
    many = pd.concat([table] * 300, ignore_index=True)
    many["run_id"] = many["replicate_key"] = [f"run-{place}" for place in range(len(many))]
    many["size_bytes"] = (many["size_bytes"] * noise.lognormal(0, 0.5, len(many))).astype(int)
    found, figure = drawn(many)
    shown = points(figure)
    assert len(found.front.table) == 6600
    assert set(found.front.points["run_id"]) <= set(shown.index)
    assert len(shown) == trade_off.MOST_DOMINATED + len(found.front.points) == len(trade_off.shown(found))
    assert shown["x"].max() == pytest.approx(points(drawn(many.nlargest(1, "size_bytes"))[1])["x"].max(), rel=1e-3)


def test_published_points_are_on_the_test_axis_only(table: pd.DataFrame) -> None:
    printed = pd.DataFrame(
        {"label": ["Printed"], "dataset": ["digits"], "accuracy": [0.97], "size_bytes": [1e6], "accuracy_train": [0.99]}
    )
    for split, count in (("Test", 1), ("Validation", 0)):
        found, _ = drawn(table, split=split)
        rows = published.points(printed, "digits", found.accuracy.column, found.cost.column)
        figure = trade_off.draw(found, by="model", rim="white", published=rows)
        assert sum(trace.name == "Published by others" for trace in figure.data) == count


def test_the_description_has_the_numbers(table: pd.DataFrame) -> None:
    found, _ = drawn(table)
    text = trade_off.describe(found)
    assert f"{len(found.front.table)} points of {len(table)} runs" in text
    assert f"{int(found.front.mask.sum())} lie on the Pareto front" in text


def test_nothing_is_fetched_from_the_network(table: pd.DataFrame) -> None:
    _, figure = drawn(table)
    assert "http" not in figure.to_json()


def test_bars_add_up_to_the_energy_of_training() -> None:
    found = list(factory.records(1))[:4]
    assert any(stage.teacher for record in found for stage in record.stages)
    figure = course.stage_costs(found, compare.short_names(found))
    totals = [
        sum(x for trace in figure.data for x, y in zip(trace.x, trace.y, strict=True) if y == name)
        for name in compare.short_names(found).values()
    ]
    assert totals == pytest.approx([record.energy_train_j for record in found])
    assert figure.layout.xaxis.title.text == "Training energy (J)"


def test_a_teacher_that_taught_twice_is_paid_for_once() -> None:
    taught = factory.record(factory.spec(model="mlp_student", technique="distill"))
    (stage,) = taught.stages
    twice = taught.model_copy(update={"stages": (stage, stage.model_copy(update={"key": "again"}))})
    assert list(compare.parts(twice)) == ["1. distill", "1.1 teacher: train", "2. distill"]


def test_progress_has_loss_and_accuracy_on_axes_of_their_own() -> None:
    epochs = [
        {"stage": "train", "epoch": 1, "loss": 0.5, "accuracy_val": 0.9},
        {"stage": "train", "epoch": 2, "loss": 0.3, "accuracy_val": None},
        {"stage": "fine_tune", "epoch": 1, "loss": 0.2, "accuracy_val": 0.95},
    ]
    loss, accuracy = course.progress(epochs).data
    assert list(loss.x) == list(accuracy.x) == [1, 2, 3]
    assert list(loss.y) == [0.5, 0.3, 0.2]
    assert list(accuracy.y) == [90.0, None, 95.0]
    assert (loss.yaxis, accuracy.yaxis) == ("y", "y2")


def test_curves_join_the_epochs_of_all_stages() -> None:
    pruned = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.8))
    (line,) = course.curves([pruned], compare.short_names([pruned])).data
    assert list(line.x) == [1, 2, 3, 4, 5]
    assert list(line.text) == ["train"] * 3 + ["fine_tune"] * 2


@pytest.mark.parametrize("custom", ["run", ["run"]])
def test_a_selected_point_names_its_run(custom: Any) -> None:
    assert trade_off.run_of({"x": 1, "customdata": custom}) == "run"


@pytest.mark.parametrize(("low", "high"), [(0.3, 4.6), (1.0, 9e5), (24.0, 49.0)])
def test_a_cost_axis_has_marks_in_its_range(low: float, high: float) -> None:
    marks = looks.ticks(pd.Series([low, high])).get("tickvals")
    assert marks is None or 3 <= sum(low <= mark <= high for mark in marks) <= 10


def test_the_cost_axis_around_a_single_point_has_marks_that_are_whole_numbers() -> None:
    """Left to itself it would write 2 for 20."""
    ticks = looks.ticks(pd.Series([85.0]))
    assert {"10", "20", "50", "100", "200", "500"} <= set(ticks["ticktext"])


@pytest.mark.parametrize(
    ("cost", "title"),
    [("energy_per_sample_j", "Inference energy (J per prediction)"), ("energy_train_j", "Training energy (J)")],
)
def test_an_axis_says_what_its_values_are_of(cost: str, title: str) -> None:
    assert looks.axis(FIGURES[cost], "J") == title


def test_families_are_told_apart_by_colour_and_shape_and_keep_the_shape_of_their_techniques() -> None:
    techniques = ("dense", *registry.names("techniques"))
    families = {name: comparable.technique_family(name) for name in techniques}
    by_family = looks.looks("family", tuple(families.values()))
    assert set(by_family) == set(families.values()) and families["dense"] == "training"
    assert len({look["color"] for look in by_family.values()}) == len(by_family) == 8
    by_technique = looks.looks("technique", techniques)
    for name, family in families.items():
        assert by_technique[name]["symbol"].removesuffix("-dot") == by_family[family]["symbol"]


@pytest.mark.parametrize("by", ["technique", "model"])
def test_no_two_names_look_alike_and_a_family_shares_its_shape(by: ColourBy) -> None:
    kind: registry.Kind = "techniques" if by == "technique" else "models"
    everything = ("dense", *registry.names(kind)) if by == "technique" else registry.names(kind)
    found = looks.looks(by, everything)
    assert len({(look["color"], look["symbol"]) for look in found.values()}) == len(everything)
    families = {name: registry.entry(kind, name).describe()["family"] for name in registry.names(kind)}
    shapes = {family: {found[n]["symbol"].removesuffix("-dot") for n in families if families[n] == family}
              for family in families.values()}  # fmt: skip
    assert all(len(found) == 1 for found in shapes.values())
    assert len(set.union(*shapes.values())) == len(shapes)
