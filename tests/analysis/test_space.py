"""A third objective: who is on its front, for whose sake, and who cannot be ranked by it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from greenai_core.analysis import explore, space
from greenai_core.analysis.explore import COSTS, Filters
from greenai_core.analysis.figures import FIGURES
from greenai_core.analysis.pareto import front_mask
from greenai_core.analysis.space import Space
from greenai_core.analysis.thinning import MOST
from greenai_core.store import records
from tests import factory

COARSE = st.integers(0, 4).map(float)  # few values, so that ties and equal rows are common


def brute(values: np.ndarray, maximize: list[bool]) -> np.ndarray:
    """The definition: nobody is at least as good everywhere and better somewhere."""
    signed = values * np.where(maximize, -1.0, 1.0)
    return np.array(
        [not ((signed <= row).all(axis=1) & (signed < row).any(axis=1)).any() for row in signed], dtype=bool
    )


@settings(max_examples=60)
@given(arrays(float, st.tuples(st.integers(0, 40), st.just(3)), elements=COARSE), st.tuples(*[st.booleans()] * 3))
def test_a_front_of_three_is_the_definition(values: np.ndarray, maximize: tuple[bool, ...]) -> None:
    assert front_mask(values, maximize).tolist() == brute(values, list(maximize)).tolist()


def found(table: pd.DataFrame, third: str, group: str | None = None, **filters: Any) -> Space | None:
    asked = Filters("digits", **filters)
    flat = explore.view(explore.gather(table, asked), asked)
    assert flat is not None
    return space.space(space.gather(table, asked, third), flat, asked, third, group)


def existing(table: pd.DataFrame, third: str, group: str | None = None, **filters: Any) -> Space:
    ranked = found(table, third, group, **filters)
    assert ranked is not None
    return ranked


@cache
def stored() -> pd.DataFrame:
    for record in factory.records(2):
        records.save(factory.on_grid(record, 360.0))
    return records.table()


@pytest.fixture
def table() -> pd.DataFrame:
    """Runs of eleven recipes, two seeds each, which are in the store of one test only."""
    return stored().copy()


def copied(table: pd.DataFrame, copies: int) -> pd.DataFrame:
    """So many times the rows, each a recipe of its own."""
    many = pd.concat([table] * copies, ignore_index=True)
    many["run_id"] = many["replicate_key"] = [f"run-{place}" for place in range(len(many))]
    return many


@pytest.mark.parametrize("third", ["Latency", "Throughput"])
def test_fronts_of_random_runs_with_ties_are_those_of_brute_force(table: pd.DataFrame, third: str) -> None:
    noise = np.random.default_rng(0)
    many = copied(table, 4)
    for column in ("accuracy_val", "size_bytes", COSTS[third]):
        many[column] = noise.integers(1, 6, len(many)) / (6 if column == "accuracy_val" else 1)
    ranked = existing(many, third)
    points = ranked.deep.front.table
    for objectives, mask in (
        (ranked.deep.front.objectives, ranked.deep.front.mask),
        (ranked.flat.front.objectives, ranked.on_flat),
    ):
        maximize = [FIGURES[name].maximize for name in objectives]
        assert mask.tolist() == brute(points[list(objectives)].to_numpy(float), maximize).tolist()
    assert ((points["rank"] == 1) == ranked.deep.front.mask).all()
    assert 0 < ranked.deep.front.mask.sum() < len(points)


@pytest.mark.parametrize("third", ["Carbon", "Lifetime energy"])
def test_any_other_cost_can_be_the_third(table: pd.DataFrame, third: str) -> None:
    ranked = existing(table, third)
    assert ranked.deep.front.objectives == ("accuracy_val", "size_bytes", COSTS[third])
    assert ranked.axes == (FIGURES["size_bytes"], FIGURES["accuracy_val"], Filters("digits").axis(third))
    assert COSTS[third] in ranked.deep.figures
    assert len(ranked.deep.front.table) == 11 and set(ranked.deep.front.table["seeds"]) == {2}


def test_it_says_how_many_points_are_there_because_of_the_third_alone(table: pd.DataFrame) -> None:
    first, *others = table["replicate_key"].unique()
    own = table["replicate_key"].map
    table["accuracy_val"] = own({first: 0.9, **dict.fromkeys(others, 0.8)})
    table["size_bytes"] = own({first: 10, **dict.fromkeys(others, 20)})
    table["latency_ms"] = own({first: 5.0, others[0]: 1.0, **dict.fromkeys(others[1:], 9.0)})
    ranked = existing(table, "Latency")
    assert ranked.added == 1
    assert ranked.sentence == (
        "2 of 11 points on the front of three objectives. 1 of them is there only because of latency: on validation "
        "accuracy and file size alone, 1 would be left."
    )
    table["latency_ms"] = 1.0
    assert existing(table, "Latency").added == 0
    assert "None of them is there only because of latency" in existing(table, "Latency").sentence


def test_only_runs_that_compare_in_the_third_are_ranked_and_the_others_are_offered() -> None:
    for record in [*factory.records(2), *factory.records(1, host="elsewhere")]:
        records.save(record)
    records.save(factory.record(factory.spec(seed=9), latency_ms=None, notes={"latency_ms": "not measured"}))
    table = records.table()
    ranked = existing(table, "Latency")
    assert len(ranked.flat.runs) == 34 and len(ranked.deep.runs) == 22
    assert "11 runs measured under other conditions (another machine or runtime)" in ranked.deep.left_out
    assert "1 run whose latency or validation accuracy is unknown" in ranked.deep.left_out
    (other,) = ranked.deep.others
    assert existing(table, "Latency", other.id).deep.front.id == other.id


def test_the_third_is_ranked_within_the_group_that_is_drawn() -> None:
    for record in [*factory.records(2), *factory.records(1, host="elsewhere")]:
        records.save(record)
    table = records.table()
    asked = Filters("digits", cost="Latency")
    gathered = explore.gather(table, asked)
    first = explore.view(gathered, asked)
    assert first is not None
    other = explore.view(gathered, asked, first.others[0].id)
    assert other is not None
    ranked = space.space(space.gather(table, asked, "Training energy"), other, asked, "Training energy")
    assert ranked is not None and not ranked.deep.others
    assert set(ranked.deep.runs["run_id"]) == set(other.runs["run_id"])
    assert ranked.kind_of(ranked.deep.cost) == "estimated" and ranked.kind_of(ranked.flat.cost) is None


def test_filters_hold_for_three_objectives_too(table: pd.DataFrame) -> None:
    ranked = existing(table, "Latency", models=("mlp_student",))
    assert set(ranked.deep.front.table["model"]) == {"mlp_student"}
    table["origin"] = "bank"
    assert space.gather(table, Filters("digits", bank=False), "Latency").groups == ()


def test_where_the_third_is_unknown_of_all_there_is_nothing(table: pd.DataFrame) -> None:
    table["energy_per_sample_j"] = np.nan
    assert found(table, "Inference energy") is None


def test_of_very_many_points_the_whole_front_and_a_few_thousand_others_are_drawn(table: pd.DataFrame) -> None:
    noise = np.random.default_rng(0)
    many = copied(table, 300)
    for column in ("size_bytes", "latency_ms"):
        many[column] = many[column] * noise.lognormal(0, 0.5, len(many))
    ranked = existing(many, "Latency")
    front = ranked.deep.front
    drawn = space.shown(ranked)
    assert len(front.table) == 6600
    assert set(np.flatnonzero(front.mask)) <= set(drawn)
    assert 0.8 * MOST < len(drawn) - front.mask.sum() <= MOST
    for column in ("size_bytes", "latency_ms", "accuracy_val"):  # no axis becomes shorter
        assert front.table[column].iloc[drawn].agg(["min", "max"]).equals(front.table[column].agg(["min", "max"]))
    fewer = existing(copied(table, 50), "Latency")
    assert len(space.shown(fewer)) == len(fewer.deep.front.table) == 1100
