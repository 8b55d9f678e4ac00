from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from greenai_core.analysis.choice import recommend
from greenai_core.analysis.comparable import comparables
from greenai_core.analysis.explore import COSTS, Filters, as_json, choices, gather, name_of, view
from greenai_core.analysis.pareto import cheapest, most_accurate
from greenai_core.store import records
from tests import factory


@pytest.fixture
def table() -> pd.DataFrame:
    for record in [*factory.records(2), *factory.records(1, dataset="fashion_mnist")]:
        records.save(record)
    return records.table()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 22),
        ({"models": ("mlp_student",)}, 4),
        ({"techniques": ("distill", "dense")}, 6),
        ({"sparsity": (0.5, 0.85)}, 8),
        ({"sparsity": (0.0, 0.5)}, 10),  # the baseline stays until the lower bound is raised
        ({"temperatures": (4.0,)}, 2),
        ({"models": ("mnist_cnn",), "techniques": ("distill",)}, 0),
        ({"least_accuracy": 1.0}, 0),
    ],
)
def test_filters_keep_what_they_name(table: pd.DataFrame, filters: dict[str, Any], expected: int) -> None:
    kept = Filters("digits", **filters).apply(table)
    assert len(kept) == expected
    assert set(kept["dataset"]) <= {"digits"}


def test_the_least_accuracy_is_on_the_axis_that_is_shown(table: pd.DataFrame) -> None:
    limit = 0.96
    for split, column in (("Validation", "accuracy_val"), ("Test", "accuracy")):
        kept = Filters("digits", split=split, least_accuracy=limit).apply(table)
        assert sorted(kept["run_id"]) == sorted(
            table[(table["dataset"] == "digits") & (table[column] >= limit)]["run_id"]
        )


def test_the_bank_can_be_left_out(table: pd.DataFrame) -> None:
    table["origin"] = ["bank" if seed else "own" for seed in table["seed"]]
    assert set(Filters("digits", bank=False).apply(table)["origin"]) == {"own"}


@pytest.mark.parametrize("cost", COSTS)
def test_a_view_without_runs_is_none(table: pd.DataFrame, cost: str) -> None:
    assert factory.view(Filters("cifar10", cost=cost)) is None


def test_what_cannot_be_ranked_is_left_out_and_said() -> None:
    for record in [*factory.records(1), *factory.records(2, host="elsewhere", kind="measured")]:
        records.save(record)
    records.save(factory.record(factory.spec(seed=9), energy_train_j=None, notes={"energy_train_j": "unknown"}))
    found = factory.view(Filters("digits", cost="Training energy"))
    assert found is not None
    assert "11 runs measured under other conditions" in found.left_out
    assert "another way of obtaining energy" in found.left_out
    assert "1 run whose training energy or validation accuracy is unknown" in found.left_out
    assert found.kind == "measured"  # the larger group of own runs


def test_another_group_can_be_asked_for() -> None:
    for record in [*factory.records(1), *factory.records(2, host="elsewhere")]:
        records.save(record)
    first = factory.view(Filters("digits", cost="Latency"))
    assert first is not None
    (other,) = first.others
    second = factory.view(Filters("digits", cost="Latency"), other.id)
    assert second is not None
    assert second.front.id == other.id
    assert second.others[0].id == first.front.id
    assert name_of(other.keys, other.runs) == "Processor of here, 11 runs, 11 your own"


def test_another_grid_is_left_out_and_named() -> None:
    for record in factory.records(2):
        records.save(factory.on_grid(record, 500.0 if record.seed else 20.0))
    records.save(factory.on_grid(factory.record(factory.spec(seed=2)), 500.0))
    found = factory.view(Filters("digits", cost="Carbon"))
    assert found is not None
    assert set(found.runs["seed"]) == {1, 2}
    assert "11 runs measured under other conditions (another carbon intensity)" in found.left_out
    (other,) = found.others
    assert name_of(found.front.keys, found.runs) == "Processor of here, 500 g/kWh, estimated, 12 runs, 12 your own"
    assert name_of(other.keys, other.runs) == "Processor of here, 20 g/kWh, estimated, 11 runs, 11 your own"


def test_a_name_tells_every_machine_and_reads_each_record_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for record in [*factory.records(1, host="here-once"), *factory.records(1, host="there-once")]:
        records.save(record)
    read: list[str] = []
    load = records.load
    monkeypatch.setattr(records, "load", lambda run_id: [read.append(run_id), load(run_id)][1])
    found = factory.view(Filters("digits"))
    assert found is not None
    for _ in range(3):
        named = name_of(found.front.keys, found.runs)
        assert "Processor of here-once" in named and "Processor of there-once" in named
    assert len(read) == 2 * len(set(read)) == 4  # of each machine one, for making and for timing


@pytest.mark.parametrize("split", ["Test", "Macro F1 (test)"])
def test_without_validation_accuracies_there_is_a_view_and_no_pick(split: str) -> None:
    for record in factory.records(1):
        records.save(record.model_copy(update={"accuracy_val": None}))
    found = factory.view(Filters("digits", split=split))
    assert found is not None and len(found.front.table) == 11
    assert most_accurate(found.front.table) is None
    assert cheapest(found.front.table, "size_bytes") is None
    assert recommend(found.front) is None
    assert factory.view(Filters("digits")) is None


def test_a_cost_of_zero_has_no_place_and_is_counted(table: pd.DataFrame) -> None:
    table.loc[table.index[:2], "energy_train_j"] = [0.0, -1.0]
    asked = Filters("digits", cost="Training energy")
    found = view(gather(table, asked), asked)
    assert found is not None
    assert len(found.runs) == 20 and (found.front.table["energy_train_j"] > 0).all()
    assert "2 runs with a cost of 0 or less (a logarithmic axis has no place for it)" in found.left_out
    by_size = view(gather(table, Filters("digits")), Filters("digits"))
    assert by_size is not None and len(by_size.runs) == 22


def test_lifetimes_say_what_they_are_of(table: pd.DataFrame) -> None:
    asked = Filters("digits", cost="Lifetime energy", predictions=5e6, serving="One by one")
    found = view(gather(table, asked), asked)
    assert found is not None
    for rows in (found.runs, found.front.table):
        assert set(rows["lifetime_predictions"]) == {5e6} and set(rows["lifetime_serving"]) == {"One by one"}
    expected = found.runs["energy_train_j"] + 5e6 * found.runs["energy_per_sample_b1_j"]
    assert found.runs["lifetime_j"].tolist() == pytest.approx(expected.tolist())


def test_where_everything_is_drawn_nothing_is_said(table: pd.DataFrame) -> None:
    found = factory.view(Filters("digits"))
    assert found is not None
    assert found.left_out == ""
    assert found.kind is None


def test_choices_are_words_the_most_frequent_first(table: pd.DataFrame) -> None:
    assert choices(table, "dataset") == ["digits", "fashion_mnist"]
    assert choices(table, "temperature") == ["4"]


@pytest.mark.parametrize("temperature", [4.0, 10 / 3, 0.1, 1e-7, 2.5])
def test_a_temperature_is_found_by_the_word_it_is_offered_under(table: pd.DataFrame, temperature: float) -> None:
    table.loc[table["technique"] == "distill", "temperature"] = temperature
    (word,) = choices(table[table["dataset"] == "digits"], "temperature")
    assert len(Filters("digits", temperatures=(float(word),)).apply(table)) == 2


def test_runs_that_differ_in_the_seed_alone_are_one_point(table: pd.DataFrame) -> None:
    found = factory.view(Filters("digits"))
    assert found is not None
    assert (len(found.runs), len(found.front.table)) == (22, 11)
    assert set(found.front.table["seeds"]) == {2}
    handle = found.front.table["run_id"].iloc[0]
    assert len(found.runs_of([handle])) == 2 and handle in set(found.runs_of([handle])["run_id"])
    pair = found.runs_of([handle])
    assert found.front.table["accuracy_val"].iloc[0] == pytest.approx(pair["accuracy_val"].mean())
    assert "11 points of 22 runs, 22 of them your own" in found.subject


def test_the_front_is_that_of_the_means_and_its_certainty_is_told(table: pd.DataFrame) -> None:
    found = factory.view(Filters("digits"))
    assert found is not None
    points = found.front.table
    for mine, on_front in zip(points.itertuples(), found.front.mask, strict=True):
        beaten = (points["accuracy_val"] >= mine.accuracy_val) & (points["size_bytes"] <= mine.size_bytes)
        beaten &= (points["accuracy_val"] > mine.accuracy_val) | (points["size_bytes"] < mine.size_bytes)
        assert on_front == (not beaten.any())
    assert ((points["rank"] == 1) == found.front.mask).all() and points["rank"].max() > 1
    assert points["on_front"].between(0, 1).all()
    assert points.loc[found.front.mask, "on_front"].mean() > points.loc[~found.front.mask, "on_front"].mean()
    assert not (points["tied"] & found.front.mask).any()


def test_of_single_seeds_nobody_knows_how_sure_they_are() -> None:
    for record in factory.records(1):
        records.save(record)
    found = factory.view(Filters("digits"))
    assert found is not None
    assert found.front.table["on_front"].isna().all() and not found.front.table["tied"].any()


def test_the_json_form_of_a_front_is_plain_and_best_first(table: pd.DataFrame) -> None:
    records.save(factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.99), size_bytes=9))
    (group,) = comparables(records.table(), ["f1_macro", "size_bytes"], "digits")
    written = json.loads(json.dumps(as_json(group.front()), allow_nan=False))
    best_first = [point["f1_macro"] for point in written["points"]]
    assert best_first == sorted(best_first, reverse=True)
    assert [len(point["run_ids"]) for point in written["points"]] == [point["seeds"] for point in written["points"]]
    (single,) = [point for point in written["points"] if point["seeds"] == 1]
    assert single["f1_macro_low"] is None and single["temperature"] is None
    assert all(0 <= point["on_front"] <= 1 for point in written["points"])
    assert written["compared"] == 12
