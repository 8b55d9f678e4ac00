"""What several runs of a submission share becomes a run of its own, and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from greenai_core import wording
from greenai_core.jobs.dependencies import Planned, plan
from greenai_core.spec import Spec, check

TRAIN = {"name": "train", "epochs": 3}
TEACHER = {"model": {"name": "mnist_cnn"}, "recipe": [TRAIN]}


def prune(sparsity: float) -> dict[str, Any]:
    return {"name": "l1_channel_pruning", "sparsity": sparsity}


def tune(epochs: int) -> dict[str, Any]:
    return {"name": "fine_tune", "epochs": epochs}


def distill(temperature: float) -> dict[str, Any]:
    return {"name": "distill", "temperature": temperature, "epochs": 2, "teacher": TEACHER}


def spec(*stages: dict[str, Any], seed: int = 0, model: str = "mnist_cnn") -> Spec:
    return check({"dataset": {"name": "digits"}, "model": {"name": model}, "recipe": list(stages), "seed": seed})


def words(planned: Sequence[Planned]) -> list[tuple[str, tuple[int, ...], bool]]:
    return [(wording.recipe(run.spec.model_dump(mode="json")["recipe"]), run.needs, run.asked) for run in planned]


def test_one_run_needs_no_other() -> None:
    assert [(run.needs, run.asked) for run in plan([spec(TRAIN, prune(0.8), tune(1))])] == [((), True)]


def test_shared_training_comes_first() -> None:
    assert words(plan([spec(TRAIN, prune(s), tune(1)) for s in (0.6, 0.8)])) == [
        ("train 3", (), False),
        ("train 3 > l1_channel_pruning 0.6 > fine_tune 1", (0,), True),
        ("train 3 > l1_channel_pruning 0.8 > fine_tune 1", (0,), True),
    ]


def test_replicates_share_nothing() -> None:
    planned = plan([spec(TRAIN, prune(0.8), seed=seed) for seed in (0, 1)])
    assert [run.needs for run in planned] == [(), ()]


def test_pruning_alone_is_not_worth_a_run() -> None:
    planned = plan([spec(TRAIN, prune(0.8), tune(epochs)) for epochs in (1, 2)])
    assert [recipe for recipe, _, asked in words(planned) if not asked] == ["train 3"]


def test_only_where_the_ways_part_is_there_a_run() -> None:
    planned = plan([spec(TRAIN, tune(1), prune(s)) for s in (0.6, 0.8)])
    assert [recipe for recipe, _, asked in words(planned) if not asked] == ["train 3 > fine_tune 1"]


def test_ways_that_part_twice_wait_for_the_nearest() -> None:
    planned = plan([spec(TRAIN, tune(1), prune(0.6)), spec(TRAIN, tune(1), prune(0.8)), spec(TRAIN, prune(0.8))])
    assert words(planned) == [
        ("train 3", (), False),
        ("train 3 > fine_tune 1", (0,), False),
        ("train 3 > fine_tune 1 > l1_channel_pruning 0.6", (1,), True),
        ("train 3 > fine_tune 1 > l1_channel_pruning 0.8", (1,), True),
        ("train 3 > l1_channel_pruning 0.8", (0,), True),
    ]


def test_what_is_asked_for_itself_is_not_planned_twice() -> None:
    planned = plan([spec(TRAIN, prune(0.8)), spec(TRAIN)])
    assert words(planned) == [("train 3 > l1_channel_pruning 0.8", (1,), True), ("train 3", (), True)]


def test_shared_teacher_is_one_run() -> None:
    planned = plan([spec(distill(t), model="mlp_student") for t in (1, 4)])
    assert words(planned) == [("train 3", (), False), ("distill 1", (0,), True), ("distill 4", (0,), True)]
    assert planned[0].spec == spec(TRAIN)


def test_equal_specs_stay_two() -> None:
    assert len(plan([spec(TRAIN), spec(TRAIN)])) == 2


@given(st.lists(st.tuples(st.sampled_from([0.6, 0.8]), st.integers(1, 2), st.integers(0, 1)), min_size=1, max_size=6))
def test_every_need_is_a_part_and_nothing_waits_for_itself(grid: list[tuple[float, int, int]]) -> None:
    planned = plan([spec(TRAIN, prune(s), tune(1), tune(e), seed=seed) for s, e, seed in grid])
    assert [run.spec for run in planned if run.asked] == [
        spec(TRAIN, prune(s), tune(1), tune(e), seed=d) for s, e, d in grid
    ]
    for place, run in enumerate(planned):
        for need in run.needs:
            shorter = planned[need].spec
            assert need != place and shorter.recipe == run.spec.recipe[: len(shorter.recipe)]
            assert shorter.seed == run.spec.seed
    shared = [place for place, run in enumerate(planned) if not run.asked]
    assert all(sum(place in run.needs for run in planned) > 1 for place in shared)
