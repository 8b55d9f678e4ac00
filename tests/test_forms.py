from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field

from greenai_core import forms, registry
from greenai_core.registry import KINDS, Entry, Kind
from greenai_core.spec import Teacher
from greenai_core.techniques.distillation._teaching import a_teacher


class Example(Entry):
    """Example: every kind of field."""

    sparsity: float = Field(0.5, ge=0, lt=1, title="Sparsity", description="what is removed")
    lr: float = Field(1e-3, gt=0, le=1)
    epochs: int = Field(5, ge=1, le=200)
    size: int = Field(32, ge=8, le=224)
    mode: Literal["fast", "good"] = "good"
    nesterov: bool = False
    limit: int | None = Field(None, ge=1, le=9)
    path: str = Field(min_length=1)
    rate: float | None = Field(None, ge=0, le=0.9)
    groups: Literal[1, 2, 4] = 2
    share: Literal[0.25, 0.5] = 0.5
    perhaps: Literal["a", "b"] | None = None
    layers: tuple[Literal["first", "last"], ...] = Field(("last",), min_length=1, max_length=2)
    teachers: tuple[Teacher, ...] = Field((a_teacher("mnist_cnn"),), min_length=1, max_length=3)


class Listed(Entry):
    """Listed: a field for which no form has a widget."""

    numbers: tuple[int, ...] = ()


FIELDS = {field.name: field for field in forms._fields(Example)}


def test_each_type_gets_its_widget() -> None:
    widgets = {name: field.widget for name, field in FIELDS.items()}
    assert widgets == {
        "sparsity": "slider",
        "lr": "number",
        "epochs": "number",
        "size": "slider",
        "mode": "choice",
        "nesterov": "switch",
        "limit": "number",
        "path": "text",
        "rate": "number",
        "groups": "choice",
        "share": "choice",
        "perhaps": "choice",
        "layers": "choices",
        "teachers": "teachers",
    }


def test_a_slider_stays_within_its_bounds() -> None:
    sparsity = FIELDS["sparsity"]
    assert (sparsity.low, sparsity.high, sparsity.step) == (0, 0.99, 0.01)
    assert (sparsity.title, sparsity.help, sparsity.default) == ("Sparsity", "what is removed", 0.5)


def test_a_range_of_decades_is_typed_in_steps_of_its_default() -> None:
    assert FIELDS["lr"].step == pytest.approx(1e-3)
    assert (FIELDS["lr"].low, FIELDS["lr"].high) == (0, 1)


def test_optional_and_required_fields_have_no_default() -> None:
    assert FIELDS["limit"].optional
    assert FIELDS["limit"].default is None
    assert not FIELDS["path"].optional
    assert FIELDS["path"].default is None


def test_choices() -> None:
    assert FIELDS["mode"].choices == ("fast", "good")
    assert (FIELDS["groups"].choices, FIELDS["share"].choices) == ((1, 2, 4), (0.25, 0.5))
    assert (FIELDS["perhaps"].choices, FIELDS["perhaps"].optional) == (("a", "b"), True)


def test_a_field_that_holds_several_says_how_many() -> None:
    layers, teachers = FIELDS["layers"], FIELDS["teachers"]
    assert (layers.choices, layers.default, layers.least, layers.most) == (("first", "last"), ["last"], 1, 2)
    assert (teachers.default, teachers.least, teachers.most) == ([a_teacher("mnist_cnn").model_dump(mode="json")], 1, 3)


def test_an_optional_number_without_a_default_is_typed_in_steps_of_its_range() -> None:
    assert (FIELDS["rate"].optional, FIELDS["rate"].step) == (True, pytest.approx(0.01))


def test_a_list_that_no_widget_can_hold_is_said_to_whoever_wrote_the_entry() -> None:
    with pytest.raises(TypeError, match="numbers: a form has no widget for a list of integer"):
        forms._fields(Listed)


EVERY = [(kind, name) for kind in KINDS for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_entry_has_a_form_whose_defaults_it_accepts(kind: Kind, name: str) -> None:
    parts = forms.fields(kind, name)
    values = {part.name: part.default if part.default is not None else "folder" for part in parts if not part.optional}
    entry = registry.entry(kind, name).from_json(values)
    assert entry.name == name
    for part in parts:
        if part.widget == "slider":
            assert part.low <= part.default <= part.high  # type: ignore[operator]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_entry_has_a_title_and_a_source(kind: Kind, name: str) -> None:
    described = forms.described(kind, name)
    assert described.title
    assert described.source
    assert described.pays.startswith("Pays ") == (kind == "techniques")
    assert described.help.startswith(described.summary) and described.pays in described.help


def test_sparsity_is_a_slider_and_the_teacher_a_form_of_its_own() -> None:
    widgets = {field.name: field.widget for field in forms.fields("techniques", "l1_channel_pruning")}
    assert widgets["sparsity"] == "slider"
    assert {field.name: field.widget for field in forms.fields("techniques", "distill")}["teacher"] == "teacher"


def test_what_all_trainings_have_in_common_is_told_from_what_is_a_technique_s_own() -> None:
    common = {field.name: field.common for field in forms.fields("techniques", "distill")}
    assert common["label_smoothing"] and common["lr"] and not common["temperature"]
    assert not any(field.common for field in _all("models"))


def _all(kind: Kind) -> list[forms.Field]:
    return [field for name in registry.names(kind) for field in forms.fields(kind, name)]


def test_a_field_that_changes_nothing_now_is_told() -> None:
    cap = next(field for field in forms.fields("techniques", "l1_channel_pruning") if field.name == "cap")
    assert cap.applies({"scope": "global"}) and not cap.applies({"scope": "per_layer"})
    assert all(field.applies({}) for field in forms.fields("techniques", "train"))


def test_a_field_applies_with_values_that_others_can_have() -> None:
    for name in registry.names("techniques"):
        known = {field.name: field for field in forms.fields("techniques", name)}
        assert all(v in known[other].choices for field in known.values() for other, v in field.applies_with)
