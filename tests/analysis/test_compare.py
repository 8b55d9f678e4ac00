from __future__ import annotations

import pytest

from greenai_core.analysis import compare
from tests import factory


def cells(*records: object) -> dict[str, str]:
    table = compare.side_by_side(records)  # type: ignore[arg-type]
    return dict(zip(table["Figure"], table.iloc[:, -1], strict=True))


def test_differences_are_from_the_first_run() -> None:
    dense = factory.record(factory.spec(), accuracy_val=0.98)
    pruned = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.8), accuracy_val=0.97)
    found = cells(dense, pruned)
    assert found["Validation accuracy"] == "97.00 % (-1.00 points)"
    assert found["Parameters"] == "241,936 (-80 %)"
    assert found["Training energy"].count("○") == 1


def test_no_difference_between_what_was_not_measured_alike() -> None:
    here, elsewhere = factory.record(), factory.record(host="elsewhere")
    found = cells(here, elsewhere)
    assert found["Latency"].endswith("(measured under other conditions)")
    assert found["File size"].endswith("(same)")


def test_no_difference_between_measured_and_estimated() -> None:
    found = cells(factory.record(), factory.record(factory.spec(seed=1), kind="measured"))
    assert found["Inference energy"].endswith("(measured under other conditions)")
    assert "conditions" not in found["Latency"]


def test_no_difference_between_accuracies_on_other_data() -> None:
    found = cells(factory.record(), factory.record(factory.spec(dataset="fashion_mnist")))
    assert found["Validation accuracy"].endswith("(on other data)")


def test_what_depends_on_the_store_has_no_difference() -> None:
    fresh, cached = factory.record(), factory.record(factory.spec(seed=1), energy_spent_j=7200.0, wall_s=1.0)
    found = cells(fresh, cached)
    assert found["Energy of this run"] == "2.00 Wh ○"
    assert found["Duration"] == "1.00 s"


@pytest.mark.parametrize(("kind", "text"), [("apportioned", "2.00 Wh ◐"), (None, "2.00 Wh")])
def test_what_a_run_spent_has_a_sign_of_its_own(kind: str | None, text: str) -> None:
    found = cells(factory.record(kind="measured", energy_spent_j=7200.0, energy_spent_kind=kind))
    assert found["Energy of this run"] == text
    assert found["Training energy"].endswith("●")


def test_a_figure_that_nobody_has_takes_no_row() -> None:
    assert "Training carbon" not in cells(factory.record(), factory.record(factory.spec(seed=1)))


def test_kinds_are_those_of_the_stages() -> None:
    record = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.6))
    first, second, third = record.stages
    counted = first.model_copy(update={"window": factory.window("train", "measured", 8.0)})
    mixed = record.model_copy(update={"stages": (counted, second, third.model_copy(update={"energy_j": None}))})
    assert compare.kinds([mixed]) == ["measured", "estimated"]
    assert compare.kinds([mixed.model_copy(update={"stages": (mixed.stages[2],)})]) == []


@pytest.mark.parametrize("count", [1, 30])
def test_short_names_are_short_and_distinct(count: int) -> None:
    records = [factory.record(factory.spec(seed=seed)) for seed in range(count)]
    assert len(set(compare.short_names(records).values())) == count
