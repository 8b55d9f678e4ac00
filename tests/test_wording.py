from __future__ import annotations

from greenai_core import examples, wording
from greenai_core.store import records
from tests import factory


def test_a_run_in_a_few_words() -> None:
    words = wording.run(examples.first_experiment(4).model_dump(mode="json"))
    assert words == "mnist_cnn on digits: train 3 > l1_channel_pruning 0.8 > fine_tune 2, seed 4"


def test_a_distilled_run_names_its_temperature() -> None:
    assert wording.recipe(factory.spec(technique="distill").model_dump(mode="json")["recipe"]) == "distill 4"


def test_number() -> None:
    assert [wording.number(count, "run") for count in (0, 1, 2000)] == ["0 runs", "1 run", "2,000 runs"]


def test_the_next_experiment_has_the_first_free_seed() -> None:
    assert examples.next_experiment() == examples.first_experiment(0)
    for seed in (0, 1):
        records.save(factory.record(examples.first_experiment(seed)))
    assert examples.next_experiment() == examples.first_experiment(2)
