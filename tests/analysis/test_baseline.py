"""Which dense recipe is the baseline of another one, and which runs it is made of."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from greenai_core.analysis import baseline


def point(key: str, technique: str = "dense", **changes: Any) -> dict[str, Any]:
    usual = {"dataset": "digits", "network": "mnist_cnn", "seeds": 1, "accuracy_val": 0.9}
    return {"replicate_key": key, "technique": technique, **usual, **changes}


def found(*points: dict[str, Any]) -> dict[str, Any]:
    table = pd.DataFrame(points, index=range(7, 7 + len(points)))
    of = baseline.of(table)
    assert list(of.index) == list(table.index)
    return {key: None if pd.isna(theirs) else theirs for key, theirs in zip(table["replicate_key"], of, strict=True)}


def test_it_is_the_dense_recipe_of_the_same_network_on_the_same_data() -> None:
    assert found(
        point("dense"),
        point("wide", network="mobilenet_v2 (width 2.0)"),
        point("pruned", "l1_channel_pruning"),
        point("pruned and wide", "l1_channel_pruning", network="mobilenet_v2 (width 2.0)"),
        point("of another width", "l1_channel_pruning", network="mobilenet_v2 (width 0.5)"),
        point("on other data", "l1_channel_pruning", dataset="fashion_mnist"),
    ) == {
        "dense": None,
        "wide": None,
        "pruned": "dense",
        "pruned and wide": "wide",
        "of another width": None,
        "on other data": None,
    }


@pytest.mark.parametrize(
    ("seeds", "accuracies", "expected"),
    [((1, 3), (0.99, 0.80), "second"), ((3, 1), (0.80, 0.99), "first"), ((2, 2), (0.90, 0.91), "second")],
)
def test_of_several_it_is_the_one_with_most_seeds_then_the_most_accurate(
    seeds: tuple[int, int], accuracies: tuple[float, float], expected: str
) -> None:
    dense = (
        point(key, seeds=count, accuracy_val=accuracy)
        for key, count, accuracy in zip(("first", "second"), seeds, accuracies, strict=True)
    )
    assert found(*dense, point("pruned", "l1_channel_pruning"))["pruned"] == expected


def test_of_nothing_there_is_none() -> None:
    assert found(point("pruned", "l1_channel_pruning")) == {"pruned": None}
    assert baseline.of(pd.DataFrame([point("dense")]).iloc[:0]).empty


def test_dense_runs_that_nobody_wants_to_see_stay_unless_their_point_is_seen() -> None:
    stored = pd.DataFrame(
        [
            {"replicate_key": "dense", "technique": "dense", "origin": "own"},
            {"replicate_key": "dense", "technique": "dense", "origin": "bank"},
            {"replicate_key": "unseen", "technique": "dense", "origin": "bank"},
            {"replicate_key": "pruned", "technique": "l1_channel_pruning", "origin": "own"},
            {"replicate_key": "pruned", "technique": "l1_channel_pruning", "origin": "bank"},
        ]
    )
    kept = baseline.beside(stored, stored["origin"] == "own")
    assert list(zip(kept["replicate_key"], kept["origin"], strict=True)) == [
        ("dense", "own"),
        ("unseen", "bank"),
        ("pruned", "own"),
    ]
