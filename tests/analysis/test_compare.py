from __future__ import annotations

from typing import Any

import pytest

from greenai_core.analysis import compare
from greenai_core.record import Record
from greenai_core.store import records
from tests import factory

IMAGES = {"provenance": {"images": {"train": 1077, "val": 360, "test": 360}}}


def shown(*found: Record, column: int = -1, **options: Any) -> dict[str, str]:
    """One column of the table, by figure."""
    table = compare.side_by_side(found, **options)
    return dict(zip(table["Figure"], table.iloc[:, column], strict=True))


def test_differences_stand_beside_the_values_and_are_from_the_first_run() -> None:
    dense = factory.record(factory.spec(), accuracy_val=0.98)
    pruned = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.8), accuracy_val=0.97)
    values, told = shown(dense, pruned, column=-2), shown(dense, pruned)
    assert values["Validation accuracy"] == "97.00 %"
    assert told["Validation accuracy"] == "-1.00 points"
    assert told["Parameters"] == "-80 %"
    assert values["Training energy"].count("○") == 1
    table = compare.side_by_side([dense, pruned, dense.model_copy(update={"run_id": "other"})])
    assert list(table) == ["Figure", "A", "B", "B against A", "C", "C against A"]


def test_an_accuracy_has_an_interval_where_the_images_of_its_split_are_known() -> None:
    dense = factory.record(factory.spec(), accuracy_val=0.98, accuracy=0.975, confusion=None, **IMAGES)
    spec = factory.spec(technique="l1_channel_pruning", sparsity=0.8)
    pruned = factory.record(spec, accuracy_val=0.9, accuracy=0.97, **IMAGES)
    told = compare.against_first([dense, pruned])
    assert shown(dense, pruned, told=told)["Validation accuracy"] == "-8.00 points (-11.73 to -4.70)"
    assert compare.verdicts([dense, pruned], told) == [
        "B against A, no difference that these runs can tell: Test accuracy."
    ]
    near = pruned.model_copy(update={"accuracy_val": 0.977})
    assert shown(dense, near)["Validation accuracy"].endswith(", not told apart")
    (brackets, images) = compare.bases(told)
    assert "95 %" in brackets and "same images" in images


def test_without_any_interval_nothing_is_said_of_them() -> None:
    told = compare.against_first([factory.record(confusion=None), factory.record(factory.spec(seed=1))])
    assert compare.bases(told) == compare.verdicts([factory.record()], told) == []


def test_recipes_with_several_seeds_are_compared_over_them() -> None:
    for seed in range(3):
        records.save(factory.record(factory.spec(seed=seed), accuracy_val=0.98 + seed / 1000))
        pruned = factory.spec(technique="l1_channel_pruning", sparsity=0.8, seed=seed)
        records.save(factory.record(pruned, accuracy_val=0.96 + seed / 500))
    runs = records.table()
    first = records.load(runs.loc[runs["technique"] == "dense", "run_id"].iloc[0])
    other = records.load(runs.loc[runs["technique"] != "dense", "run_id"].iloc[0])
    told = compare.against_first([first, other], runs)
    cells = shown(first, other, told=told)
    assert cells["Validation accuracy"].startswith("-1.90 points (")
    assert cells["Validation accuracy"].endswith("); 3 + 3 seeds")
    assert cells["Parameters"] == "-80 %"
    assert "3 + 3 seeds" in cells["Training energy"]
    assert any("Welch" in sentence for sentence in compare.bases(told))


def test_no_difference_between_what_was_not_measured_alike() -> None:
    here, elsewhere = factory.record(), factory.record(host="elsewhere")
    found = shown(here, elsewhere)
    assert found["Latency"] == "measured under other conditions"
    assert found["File size"] == "same"


def test_no_difference_between_measured_and_estimated() -> None:
    found = shown(factory.record(), factory.record(factory.spec(seed=1), kind="measured"))
    assert found["Inference energy"] == "measured under other conditions"
    assert "conditions" not in found["Latency"]


def test_no_difference_between_accuracies_on_other_data() -> None:
    found = shown(factory.record(), factory.record(factory.spec(dataset="fashion_mnist")))
    assert found["Validation accuracy"] == "on other data"


def test_what_depends_on_the_store_has_no_difference() -> None:
    fresh, cached = factory.record(), factory.record(factory.spec(seed=1), energy_spent_j=7200.0, wall_s=1.0)
    for name, value in (("Energy of this run", "2.00 Wh ○"), ("Duration", "1.00 s")):
        assert shown(fresh, cached, column=-2)[name] == value
        assert shown(fresh, cached)[name] == ""


@pytest.mark.parametrize(("kind", "text"), [("apportioned", "2.00 Wh ◐"), (None, "2.00 Wh")])
def test_what_a_run_spent_has_a_sign_of_its_own(kind: str | None, text: str) -> None:
    found = shown(factory.record(kind="measured", energy_spent_j=7200.0, energy_spent_kind=kind))
    assert found["Energy of this run"] == text
    assert found["Training energy"].endswith("●")


def test_a_figure_that_nobody_has_takes_no_row() -> None:
    assert "Training carbon" not in shown(factory.record(), factory.record(factory.spec(seed=1)))


def test_no_difference_between_grams_of_two_grids() -> None:
    first, other = (factory.record(factory.spec(seed=seed)) for seed in (0, 1))
    found = shown(factory.on_grid(first, 500.0), factory.on_grid(other, 20.0))
    assert found["Training carbon"] == "trained under other conditions"
    assert "%" in shown(factory.on_grid(first, 500.0), factory.on_grid(other, 500.0))["Training carbon"]


def test_an_unknown_figure_has_no_difference() -> None:
    known, unknown = factory.record(), factory.record(factory.spec(seed=1), latency_ms=None)
    assert shown(known, unknown, column=-2)["Latency"] == "unknown"
    assert shown(known, unknown)["Latency"] == ""


def test_kinds_are_those_of_the_stages() -> None:
    record = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.6))
    first, second, third = record.stages
    counted = first.model_copy(update={"window": factory.window("train", "measured", 8.0)})
    mixed = record.model_copy(update={"stages": (counted, second, third.model_copy(update={"energy_j": None}))})
    assert compare.kinds([mixed]) == ["measured", "estimated"]
    assert compare.kinds([mixed.model_copy(update={"stages": (mixed.stages[2],)})]) == []


@pytest.mark.parametrize("count", [1, 30])
def test_short_names_are_short_and_distinct(count: int) -> None:
    found = [factory.record(factory.spec(seed=seed)) for seed in range(count)]
    assert len({name.split(":")[0] for name in compare.short_names(found).values()}) == count
    assert len(compare.side_by_side(found).columns) == 2 * count
