"""The stages of a run as numbered discs and arrows."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from greenai_core.analysis.figures import FIGURES
from greenai_core.analysis.path import Path, path
from greenai_core.charts import path as path_chart
from greenai_core.record import Record
from greenai_core.store import records
from tests import factory


@cache
def stored() -> pd.DataFrame:
    for each in factory.records(1):
        records.save(each)
    return records.table()


@pytest.fixture
def record() -> Record:
    return factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.8))


def drawn(record: Record, cost: str = "params", **options: Any) -> tuple[Path, go.Figure]:
    behind = stored()
    found = path(record, FIGURES[cost], behind, **options)
    return found, path_chart.draw(found, behind)


def discs(figure: go.Figure) -> pd.DataFrame:
    rows = [
        {"x": x, "y": y, "text": text, "symbol": trace.marker.symbol, "hover": hover}
        for trace in figure.data
        if trace.mode == "markers+text"
        for x, y, text, hover in zip(trace.x, trace.y, trace.text, trace.hovertext, strict=True)
    ]
    return pd.DataFrame(rows)


def test_stages_are_numbered_discs_joined_by_arrows(record: Record) -> None:
    found, figure = drawn(record)
    shown = discs(figure)
    assert list(shown["text"]) == ["1", "2", "3"]
    assert list(shown["x"]) == [step.cost for step in found.steps]
    assert list(shown["y"]) == pytest.approx([(step.accuracy_val or 0) * 100 for step in found.steps])
    first, second = figure.layout.annotations
    assert 10**first.ax == pytest.approx(shown["x"][0]) and 10**first.x == pytest.approx(shown["x"][1])
    assert (first.ay, first.y) == pytest.approx((shown["y"][0], shown["y"][1]))
    assert (second.ay, second.y) == pytest.approx((shown["y"][1], shown["y"][2]))
    (names,) = [trace for trace in figure.data if trace.mode == "text"]
    assert [text.strip() for text in names.text] == ["train", "l1_channel_pruning", "fine_tune"]


def test_everything_of_the_path_is_within_the_axes(record: Record) -> None:
    found, figure = drawn(record)
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    for step in found.placed:
        assert left < math.log10(step.cost or 0) < right
        assert low < (step.accuracy_val or 0) * 100 < high


def test_the_other_points_lie_behind_in_grey(record: Record) -> None:
    _, figure = drawn(record)
    behind = figure.data[0]
    assert len(behind.x) == len(stored())
    assert behind.marker.opacity < 0.5


def test_a_predicted_stage_is_hollow_and_an_unknown_one_is_left_out(record: Record) -> None:
    _, figure = drawn(record, "size_bytes")
    assert list(discs(figure)["text"]) == ["1", "3"]  # a dense run of this seed is stored, and tells the first
    assert len(figure.layout.annotations) == 1
    _, figure = drawn(record, "size_bytes", predicted={1: 3e5})
    shown = discs(figure).set_index("text")
    assert shown["symbol"].to_dict() == {"1": "circle", "2": "circle-open", "3": "circle"}
    assert "predicted from the shapes" in shown["hover"]["2"] and "which ends here" in shown["hover"]["1"]


def test_a_stage_that_changed_nothing_has_no_arrow(record: Record) -> None:
    stages = tuple(stage.model_copy(update={"accuracy_val": 0.9, "params": 500}) for stage in record.stages)
    still = record.model_copy(update={"stages": stages, "params": 500, "accuracy_val": 0.95})
    _, figure = drawn(still)
    assert [arrow.showarrow for arrow in figure.layout.annotations] == [False, True]


def test_the_unit_is_one_for_path_and_points(record: Record) -> None:
    found, figure = drawn(record, "energy_train_j")
    assert figure.layout.xaxis.title.text == "Training energy (J)"
    assert list(discs(figure)["x"]) == pytest.approx([step.cost for step in found.steps])


def test_the_path_is_told_in_words(record: Record) -> None:
    found, _ = drawn(record)
    said = path_chart.describe(found)
    assert "3 stages of run" in said and "1. train: " in said and "at 1,199,882, then 2. l1_channel_pruning" in said


def test_names_of_discs_that_lie_close_do_not_cover_each_other(record: Record) -> None:
    accuracies = (0.9, 0.901, 0.5)
    stages = tuple(
        stage.model_copy(update={"accuracy_val": accuracy, "params": 500})
        for stage, accuracy in zip(record.stages, accuracies, strict=True)
    )
    still = record.model_copy(update={"stages": stages, "accuracy_val": 0.5, "params": 500})
    _, figure = drawn(still)
    (names,) = [trace for trace in figure.data if trace.mode == "text"]
    first, second, third = names.textposition
    assert first != second and third == first
