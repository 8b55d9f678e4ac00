from __future__ import annotations

import pytest

from greenai_core.draft import MAX_SEEDS, Draft, Node, TeacherDraft, move, parse_seeds
from greenai_core.errors import BadInput
from greenai_core.spec import Spec, check
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


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [3]), (" 0, 1,2 ", [0, 1, 2]), ("0-3", [0, 1, 2, 3]), ("5 5 1", [5, 1])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "one", "1.5", "-1", "3-1", f"0-{MAX_SEEDS}", "0-99, 100-150", "99999999999999"])
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"^seeds: "):
        parse_seeds(text)
