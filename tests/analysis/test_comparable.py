"""Choosing among gathered points is the same as gathering what was chosen, but for what is known of their errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from greenai_core.analysis.comparable import Comparable, comparables
from greenai_core.analysis.pareto import front_mask
from greenai_core.analysis.replicates import points
from greenai_core.errors import BadInput
from greenai_core.store import records
from tests import factory

AXES = ("accuracy_val", "size_bytes")


@pytest.fixture
def gathered() -> Comparable:
    for record in factory.records(3):
        records.save(record)
    (found,) = comparables(records.table(), AXES, "digits")
    return found


def pruned(table: pd.DataFrame) -> np.ndarray:
    return (table["technique"] == "l1_channel_pruning").to_numpy(bool)


def test_every_run_knows_its_point(gathered: Comparable) -> None:
    assert gathered.points["replicate_key"].iloc[gathered.of_run].tolist() == gathered.runs["replicate_key"].tolist()
    assert gathered.own == len(gathered.runs) == 3 * len(gathered.points)


def test_what_is_chosen_is_what_would_have_been_gathered(gathered: Comparable) -> None:
    few = gathered.only(pruned)
    expected = points(records.table()[pruned], ["accuracy_val", "size_bytes"])
    assert 1 < len(few.points) < len(gathered.points)
    assert few.points["run_id"].tolist() == expected["run_id"].tolist()
    assert few.points["accuracy_val"].to_numpy() == pytest.approx(expected["accuracy_val"].to_numpy())
    assert few.points["replicate_key"].iloc[few.of_run].tolist() == few.runs["replicate_key"].tolist()
    assert few.keys == gathered.keys and few.id == gathered.id
    again = few.only(pruned)
    assert again is few


def test_errors_are_learnt_from_all_points_and_not_from_those_that_are_looked_at(gathered: Comparable) -> None:
    few, kept = gathered.only(pruned), pruned(gathered.points)
    for mine, whole in (
        (few.likely.values, gathered.likely.values),
        (few.likely.error, gathered.likely.error),
        (few.likely.degrees, gathered.likely.degrees),
    ):
        assert mine.tolist() == whole[kept].tolist()


def test_the_front_is_found_among_what_was_chosen(gathered: Comparable) -> None:
    few = gathered.only(lambda table: ~gathered.front().mask)
    front = few.front()
    values = few.points[list(AXES)].to_numpy(float)
    assert front.mask.tolist() == front_mask(values, [True, False]).tolist() and front.mask.any()
    assert (front.table["rank"] == 1).tolist() == front.mask.tolist()
    assert front.table["on_front"].between(0, 1).all()
    assert front.table["on_front"].tolist() == few.front().table["on_front"].tolist()


def test_nothing_chosen_leaves_nothing(gathered: Comparable) -> None:
    none = gathered.only(lambda table: np.zeros(len(table), dtype=bool))
    assert len(none.points) == len(none.runs) == none.own == 0


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(BadInput, match="unknown objective 'speed'"):
        comparables(records.table(), ["speed"])
