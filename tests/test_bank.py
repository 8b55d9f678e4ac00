"""What the bank is to hold, as far as it can be told without measuring."""

from __future__ import annotations

import pytest

from greenai_core.registry import names
from tools import bank

SEARCHED_FROM = 100
"""The seeds of the search on validation begin here."""


def test_every_technique_and_every_model_has_a_point() -> None:
    specs = [spec for dataset in bank.POINTS for spec in bank.specs(dataset)]
    assert set(names("techniques")) <= {stage.name for spec in specs for stage in spec.recipe}
    assert set(names("models")) <= {spec.model.name for spec in specs}


@pytest.mark.parametrize("dataset", bank.POINTS)
def test_no_run_is_measured_twice_and_all_are_on_the_data_set(dataset: str) -> None:
    specs = bank.specs(dataset)
    assert len({spec.spec_id for spec in specs}) == len(specs)
    assert {spec.dataset.name for spec in specs} == {dataset}


def test_frozen_recipes_run_on_three_seeds_or_more_that_the_search_did_not_use() -> None:
    recipes = [file.stem for file in bank.RECIPES.glob("*.json")]
    assert recipes
    for name in recipes:
        seeds = [spec.seed for spec in bank.recipe(name)]
        assert seeds == list(range(len(seeds)))
        assert 3 <= len(seeds) < SEARCHED_FROM
