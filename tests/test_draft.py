from __future__ import annotations

from typing import Any

import pytest

from greenai_core.draft import Axis, Draft, Node, TeacherDraft, move
from greenai_core.errors import BadInput
from greenai_core.jobs import sweeps
from greenai_core.spec import Spec, check
from greenai_core.values import Variable
from tests import factory

SPECS = [
    factory.spec(seed=3),
    factory.spec(technique="l1_channel_pruning", sparsity=0.8),
    factory.spec(model="mlp_student", technique="distill"),
    check({**factory.spec().model_dump(mode="json"), "measurement": {"profile": "full", "threads": 2}}),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.recipe[-1].name)
def test_a_spec_survives_being_a_draft(spec: Spec) -> None:
    assert Draft.of_spec(spec).specs() == [spec]


def test_a_teacher_on_other_data_survives_too() -> None:
    value = factory.spec(technique="distill").model_dump(mode="json")
    value["recipe"][0]["teacher"] |= {"dataset": {"name": "mnist"}, "seed": 9}
    assert Draft.of_spec(check(value)).specs() == [check(value)]


def test_each_seed_is_a_spec() -> None:
    draft = Draft.of_spec(factory.spec())
    draft.seeds = "0, 2"
    assert [spec.seed for spec in draft.specs()] == [0, 2]


def test_a_recipe_in_the_wrong_order_is_refused_by_its_stage() -> None:
    draft = Draft.of_spec(factory.spec(technique="l1_channel_pruning", sparsity=0.5))
    move(draft.stages, 1, -1)
    with pytest.raises(BadInput, match=r"recipe\.0: l1_channel_pruning needs"):
        draft.specs()


def test_a_value_that_is_still_missing_is_named() -> None:
    draft = Draft.of_spec(factory.spec())
    draft.dataset = Node.of_json("datasets", {"name": "image_folder"})
    with pytest.raises(BadInput, match=r"dataset.*path"):
        draft.specs()


@pytest.mark.parametrize(("index", "by", "order"), [(0, 1, "bac"), (2, -1, "acb"), (0, -1, "abc"), (2, 1, "abc")])
def test_move(index: int, by: int, order: str) -> None:
    nodes = [Node("techniques", letter) for letter in "abc"]
    move(nodes, index, by)
    assert "".join(node.name for node in nodes) == order


def test_widgets_of_two_nodes_never_share_a_name() -> None:
    draft = Draft.of_spec(factory.spec(technique="distill"))
    teacher = draft.stages[0].values["teacher"]
    assert isinstance(teacher, TeacherDraft)
    uids = [
        draft.uid,
        draft.dataset.uid,
        draft.model.uid,
        *(stage.uid for stage in draft.stages),
        teacher.uid,
        teacher.model.uid,
        *(stage.uid for stage in teacher.stages),
    ]
    assert len(set(uids)) == len(uids)


PRUNED = factory.spec(technique="l1_channel_pruning", sparsity=0.5)


def variable(draft: Draft, path: str) -> Variable:
    (found,) = [each for each in draft.variables() if each.path == path]
    return found


def vary(draft: Draft, path: str, written: str | list[str]) -> Axis:
    draft.axes.append(Axis(variable(draft, path).id, written))
    return draft.axes[-1]


def test_every_number_and_choice_can_be_varied_and_says_where_it_is() -> None:
    titles = {each.path: each.title for each in Draft.of_spec(factory.spec(technique="distill")).variables()}
    assert titles["recipe.0.temperature"] == "1. Distillation: Temperature"
    assert titles["recipe.0.teacher.recipe.0.epochs"] == "1. Distillation, teacher's 1. Train: Epochs"
    assert {"model", "dataset", "measurement.profile", "recipe.0.augment"} <= titles.keys()
    assert "recipe.0.teacher" not in titles
    assert len(set(titles.values())) == len(titles)


def test_what_stands_in_the_form_is_a_value_to_begin_with() -> None:
    draft = Draft.of_spec(factory.spec(model="mobilenet_v3_small", technique="distill"))
    before = draft.specs()
    for each in draft.variables():
        if each.value is not None:  # nothing stands in a field that is not set
            draft.axes.append(Axis(each.id, each.present()))
    assert draft.specs() == before


def test_a_grid_times_seeds_is_one_document() -> None:
    draft = Draft.of_spec(PRUNED)
    vary(draft, "recipe.1.sparsity", "0.6-0.8 step 0.1")
    vary(draft, "recipe.0.augment", ["none", "shift"])
    vary(draft, "measurement.profile", ["quick", "none"])
    draft.seeds, draft.budget_j = "0, 1", 500.0
    document = draft.document()
    assert document["sweep"] == {
        "recipe.1.sparsity": [0.6, 0.7, 0.8],
        "recipe.0.augment": ["none", "shift"],
        "measurement.profile": ["quick", "none"],
    }
    assert (document["seeds"], document["budget_j"]) == ([0, 1], 500.0)
    assert draft.specs() == list(sweeps.read(document).specs)
    assert len(draft.specs()) == 24


def test_models_can_be_compared_each_with_its_own_fields() -> None:
    draft = Draft.of_spec(factory.spec(model="mobilenet_v3_small"))
    draft.model.values["width"] = 0.5
    vary(draft, "model", ["mlp_student", "mobilenet_v3_small"])
    assert [spec.model.model_dump() for spec in draft.specs()] == [
        {"name": "mlp_student"},
        {"name": "mobilenet_v3_small", "width": 0.5},
    ]


def test_what_is_varied_follows_its_stage_and_goes_with_it() -> None:
    draft = Draft.of_spec(PRUNED)
    vary(draft, "recipe.2.epochs", "1, 2")
    draft.stages.insert(1, Node.of_json("techniques", {"name": "magnitude_pruning"}))
    assert list(draft.document()["sweep"]) == ["recipe.3.epochs"]
    move(draft.stages, 3, -1)
    assert list(draft.document()["sweep"]) == ["recipe.2.epochs"]
    draft.stages.pop(2)
    assert "sweep" not in draft.document()
    assert draft.axes == []


def test_another_model_takes_its_fields_along() -> None:
    draft = Draft.of_spec(factory.spec(model="mobilenet_v3_small"))
    vary(draft, "model.width", "0.5, 1")
    draft.model = Node.of_json("models", {"name": "mnist_cnn"})
    assert len(draft.specs()) == 1


@pytest.mark.parametrize(
    ("path", "written", "sentence"),
    [
        ("recipe.1.sparsity", "0.5, half", r"^2\. L1 channel pruning: Sparsity: 'half' is not a number"),
        ("recipe.1.sparsity", " ", r"^2\. L1 channel pruning: Sparsity: write at least one value"),
        ("recipe.0.augment", [], r"^1\. Train: Augmentation: choose at least one value"),
        ("recipe.1.sparsity", "0.5, 2", r"recipe\.1\.sparsity: .*got 2"),
        ("recipe.0.epochs", "1.5", r"recipe\.0\.epochs: .*got 1\.5"),
        ("recipe.0.epochs", "1-200, 300", r"recipe\.0\.epochs: .*got 300"),
    ],
)
def test_a_bad_value_names_its_field(path: str, written: str | list[str], sentence: str) -> None:
    draft = Draft.of_spec(PRUNED)
    vary(draft, path, written)
    with pytest.raises(BadInput, match=sentence):
        draft.specs()


def sweep_of(spec: Spec, **others: Any) -> dict[str, Any]:
    return {"spec": spec.model_dump(mode="json"), **others}


@pytest.mark.parametrize(
    "document",
    [
        PRUNED.model_dump(mode="json"),
        sweep_of(PRUNED),
        sweep_of(PRUNED, seeds=[3]),
        sweep_of(PRUNED, sweep={"recipe.1.sparsity": [0.9, 0.25], "recipe.0.augment": ["shift"]}, seeds=[2, 0]),
        sweep_of(PRUNED, sweep={"recipe.0.lr": [0.00001, 1e-3], "recipe.0.epochs": [2]}, budget_j=12.5),
        sweep_of(SPECS[2], sweep={"recipe.0.teacher.recipe.0.epochs": [1, 2], "measurement.profile": ["none"]}),
        sweep_of(PRUNED, sweep={"model": [{"name": "mobilenet_v3_small"}, {"name": "mnist_cnn"}]}),
    ],
)
def test_a_document_survives_being_a_draft(document: dict[str, Any]) -> None:
    draft = Draft.of_document(document)
    assert sweeps.read(draft.document()) == sweeps.read(document)
    assert Draft.of_document(draft.document()).document() == draft.document()


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([PRUNED.model_dump(mode="json")] * 2, "submit"),
        (sweep_of(PRUNED, sweep={"recipe.1": [{"name": "magnitude_pruning"}]}), r"^sweep\.recipe\.1: .*submit"),
        (sweep_of(PRUNED, sweep={"model": [{"name": "mobilenet_v3_small", "width": 2}]}), r"^sweep\.model: .*choices"),
        (sweep_of(PRUNED, sweep={"recipe.1.sparsity": [2]}), r"recipe\.1\.sparsity"),
        (sweep_of(PRUNED, seeds=list(range(101))), "at most 100 seeds"),
    ],
)
def test_a_document_without_room_in_the_form_is_refused(document: Any, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        Draft.of_document(document)
