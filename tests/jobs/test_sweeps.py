from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs.sweeps import expand, read
from greenai_core.spec import Spec, check

SPEC: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "model": {"name": "mnist_cnn"},
    "recipe": [{"name": "train", "epochs": 3}, {"name": "l1_channel_pruning", "sparsity": 0.5}],
}


def test_one_spec_and_a_list_of_specs() -> None:
    assert expand(SPEC) == [check(SPEC)]
    assert [spec.seed for spec in expand([SPEC, {**SPEC, "seed": 3}])] == [0, 3]


def test_grid_times_seeds() -> None:
    document = {"spec": SPEC, "sweep": {"recipe.1.sparsity": [0.6, 0.8], "recipe.0.lr": [0.1, 0.2]}, "seeds": [4, 5]}
    found = [(s.recipe[1].model_dump()["sparsity"], s.recipe[0].model_dump()["lr"], s.seed) for s in expand(document)]
    assert found == [(a, b, c) for a in (0.6, 0.8) for b in (0.1, 0.2) for c in (4, 5)]
    assert len({spec.spec_id for spec in expand(document)}) == 8
    assert SPEC["recipe"][1] == {"name": "l1_channel_pruning", "sparsity": 0.5}


def epochs(spec: Spec) -> int:
    return int(spec.recipe[0].model_dump()["epochs"])


@pytest.mark.parametrize(
    ("path", "values", "found"),
    [
        ("model.name", ["mnist_cnn", "mlp_student"], lambda spec: spec.model.name),
        ("measurement.profile", ["none", "full"], lambda spec: spec.measurement.profile),
        ("recipe.0.epochs", [1, 2], epochs),
        ("seed", [1, 2], lambda spec: spec.seed),
    ],
)
def test_any_field_may_be_swept(path: str, values: list[Any], found: Callable[[Spec], Any]) -> None:
    assert [found(spec) for spec in expand({"spec": SPEC, "sweep": {path: values}})] == values


def test_whole_objects_may_be_swept() -> None:
    stages = [{"name": "train", "epochs": 1}, {"name": "train", "epochs": 2}]
    assert [epochs(spec) for spec in expand({"spec": SPEC, "sweep": {"recipe.0": stages}})] == [1, 2]


def test_a_whole_model_goes_in_before_its_width_and_the_document_stays_as_it_was() -> None:
    models = [{"name": "mobilenet_v3_small"}]
    document = {"spec": SPEC, "sweep": {"model.width": [0.5, 0.75], "model": models}}
    assert [spec.model.model_dump()["width"] for spec in expand(document)] == [0.5, 0.75]
    assert models == [{"name": "mobilenet_v3_small"}]


@pytest.mark.parametrize(("given", "budget_j"), [({}, None), ({"budget_j": None}, None), ({"budget_j": 5}, 5.0)])
def test_a_sweep_may_have_a_budget(given: dict[str, Any], budget_j: float | None) -> None:
    found = read({"spec": SPEC, "seeds": [0, 1], **given})
    assert (len(found.specs), found.budget_j) == (2, budget_j)
    assert read(SPEC).budget_j is None


def test_spec_without_sweep_or_seeds_is_one_run() -> None:
    assert expand({"spec": SPEC}) == expand(SPEC)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "the list of specs is empty"),
        ("text", "dict|object|valid"),
        ([SPEC, {**SPEC, "seed": -1}], r"^1\.seed: "),
        ({"spec": SPEC, "sweeps": {}}, r"^sweeps: there is no such field"),
        ({"spec": 5}, r"^spec: expected an object"),
        *(
            ({"spec": SPEC, "budget_j": value}, r"^budget_j: expected a positive number of joules")
            for value in (0, -1, "5", True, float("nan"), float("inf"), 10**400)
        ),
        ({"spec": SPEC, "sweep": [1]}, r"^sweep: expected an object"),
        ({"spec": SPEC, "seeds": []}, r"^seeds: expected a list of at least one"),
        ({"spec": SPEC, "seeds": 3}, r"^seeds: expected a list"),
        ({"spec": SPEC, "seeds": ["a"]}, r"^spec\.seed: "),
        ({"spec": SPEC, "sweep": {"recipe.7.lr": [1]}}, r"^sweep\.recipe\.7\.lr: the spec has nothing at '7'"),
        ({"spec": SPEC, "sweep": {"recipe.7": [1]}}, r"^sweep\.recipe\.7: the spec has nothing at '7'"),
        ({"spec": SPEC, "sweep": {"recipe.-1.lr": [1]}}, r"^sweep\.recipe\.-1\.lr: the spec has nothing at '-1'"),
        ({"spec": SPEC, "sweep": {"dataset.name.x": [1]}}, r"^sweep\.dataset\.name\.x: "),
        ({"spec": SPEC, "sweep": {"recipe.1.sparsity": [0.5, 2]}}, r"^spec\.recipe\.1\.sparsity: .*got 2"),
        ({"spec": SPEC, "sweep": {"recipe.1.sparsty": [0.5]}}, r"^spec\.recipe\.1\.sparsty: there is no such field"),
        ({"spec": SPEC, "seeds": list(range(200)), "sweep": {"recipe.0.epochs": list(range(1, 101))}}, "20,000 runs"),
    ],
)
def test_refused_with_the_path_of_the_field(document: Any, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        expand(document)
