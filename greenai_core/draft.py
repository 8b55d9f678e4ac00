"""A spec while a person is still writing it: perhaps not valid yet, its parts known by names that stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from greenai_core import forms
from greenai_core.errors import BadInput
from greenai_core.forms import fields
from greenai_core.jobs import sweeps
from greenai_core.registry import Kind, names
from greenai_core.spec import Spec, check
from greenai_core.values import Variable, labels, parse_seeds

PROFILES = ("quick", "full", "none")

_ids = count()


@dataclass
class Node:
    """One entry being filled in: `values` by field name; `uid` names its widgets for as long as it lives."""

    kind: Kind
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    uid: str = field(default_factory=lambda: f"n{next(_ids)}")

    @classmethod
    def of_json(cls, kind: Kind, value: dict[str, Any]) -> Node:
        """Start from the JSON form of an entry; fields that it leaves out have their defaults."""
        node = cls(kind, value["name"])
        for part in fields(kind, node.name):
            given = value.get(part.name, part.default)
            taught = part.widget == "teacher" and given is not None
            node.values[part.name] = TeacherDraft.of_json(given) if taught else given
        return node

    def to_json(self) -> dict[str, Any]:
        """Write the entry; values that are missing are left out, so that the check can name them."""
        written = {k: v.to_json() if isinstance(v, TeacherDraft) else v for k, v in self.values.items()}
        optional = {part.name for part in fields(self.kind, self.name) if part.optional}
        return {"name": self.name, **{k: v for k, v in written.items() if v is not None or k in optional}}


@dataclass
class TeacherDraft:
    """The teacher of a distillation: a model and a recipe of its own; data set and seed are kept as they came."""

    model: Node
    stages: list[Node]
    rest: dict[str, Any] = field(default_factory=dict)
    uid: str = field(default_factory=lambda: f"t{next(_ids)}")

    @classmethod
    def of_json(cls, value: dict[str, Any]) -> TeacherDraft:
        """Start from the JSON form of a teacher."""
        return cls(
            Node.of_json("models", value["model"]),
            [Node.of_json("techniques", stage) for stage in value["recipe"]],
            {key: value[key] for key in ("dataset", "seed") if value.get(key) is not None},
        )

    def to_json(self) -> dict[str, Any]:
        """Write the teacher."""
        return {**self.rest, "model": self.model.to_json(), "recipe": [stage.to_json() for stage in self.stages]}


@dataclass
class Axis:
    """A field that is varied: the `id` of its variable, and its values as text or as names of choices."""

    variable: str
    written: str | list[str]
    uid: str = field(default_factory=lambda: f"a{next(_ids)}")


@dataclass
class Draft:
    """One run, or many of one kind, being written. `seeds` is text such as ``0, 1, 2``; each is a run of its own."""

    dataset: Node
    model: Node
    stages: list[Node]
    seeds: str
    measurement: dict[str, Any]
    axes: list[Axis] = field(default_factory=list)
    budget_j: float | None = None
    uid: str = field(default_factory=lambda: f"d{next(_ids)}")

    @classmethod
    def of_spec(cls, spec: Spec) -> Draft:
        """Start from a spec."""
        value = spec.model_dump(mode="json")
        return cls(
            Node.of_json("datasets", value["dataset"]),
            Node.of_json("models", value["model"]),
            [Node.of_json("techniques", stage) for stage in value["recipe"]],
            str(spec.seed),
            value["measurement"],
        )

    @classmethod
    def of_document(cls, document: Any) -> Draft:
        """Start from what `document` writes: a spec, or one with fields that take several values.

        Raises:
            BadInput: it is refused, or it asks for more than the form can show.
        """
        wanted = sweeps.read(document)
        given = document if isinstance(document, dict) and "spec" in document else {}
        draft = cls.of_spec(_base(given, wanted.specs[0]))
        draft.budget_j = wanted.budget_j
        draft.seeds = ", ".join(map(str, given.get("seeds", [draft.seeds])))
        known = {variable.path: variable for variable in draft.variables()}
        for path, values in given.get("sweep", {}).items():
            if path not in known:
                raise BadInput(f"sweep.{path}: {_ELSEWHERE}")
            written = labels(f"sweep.{path}", known[path].choices, values)
            draft.axes.append(Axis(known[path].id, written if known[path].choices else ", ".join(written)))
        if tuple(draft.specs()) != wanted.specs:
            raise BadInput(_ELSEWHERE)
        return draft

    def variables(self) -> tuple[Variable, ...]:
        """Return every field that can take several values, those of the recipe first."""
        recipe = [found for place in _places(self.stages, "recipe", "") for found in _variables(*place)]
        subject = [
            _entry(self.model, f"{self.uid}.model", "model", "Model"),
            *_variables(self.model, "model", "Model"),
            _entry(self.dataset, f"{self.uid}.dataset", "dataset", "Data set"),
            *_variables(self.dataset, "dataset", "Data set"),
        ]
        profile = self.measurement["profile"]
        choices = {name: name for name in PROFILES}
        measuring = Variable(f"{self.uid}.profile", "measurement.profile", "Measuring", profile, choices)
        return (*recipe, *subject, measuring)

    def varied(self) -> list[tuple[Axis, Variable]]:
        """Return the fields that are varied; those whose stage or model is gone are gone, too."""
        known = {variable.id: variable for variable in self.variables()}
        self.axes[:] = [axis for axis in self.axes if axis.variable in known]
        return [(axis, known[axis.variable]) for axis in self.axes]

    def varied_ids(self) -> frozenset[str]:
        """Return the ids of the variables that are varied."""
        return frozenset(axis.variable for axis in self.axes)

    def vary(self, variable: Variable) -> None:
        """Give a field several values; what stands in the form is the first."""
        self.axes.append(Axis(variable.id, variable.present()))

    def document(self) -> dict[str, Any]:
        """Write the spec, or the spec with what is varied: what `sweeps.read` reads.

        Raises:
            BadInput: seeds or values cannot be read; the sentence names the field.
        """
        spec = {
            "dataset": self.dataset.to_json(),
            "model": self.model.to_json(),
            "recipe": [stage.to_json() for stage in self.stages],
            "measurement": self.measurement,
        }
        seeds = parse_seeds(self.seeds)
        sweep = {variable.path: variable.read(axis.written) for axis, variable in self.varied()}
        if not sweep and len(seeds) == 1 and self.budget_j is None:
            return {**spec, "seed": seeds[0]}
        limits = {} if self.budget_j is None else {"budget_j": self.budget_j}
        return {"spec": spec, **({"sweep": sweep} if sweep else {}), "seeds": seeds, **limits}

    def specs(self) -> list[Spec]:
        """Check what was written so far and return the specs that it stands for.

        Raises:
            BadInput: the sentence names the field that is refused.
        """
        return sweeps.expand(self.document())


def move(stages: list[Node], index: int, by: int) -> None:
    """Move a stage by so many places; at either end it stays where it is."""
    target = min(max(index + by, 0), len(stages) - 1)
    stages.insert(target, stages.pop(index))


def _places(stages: list[Node], path: str, words: str) -> Iterator[tuple[Node, str, str]]:
    """Yield each stage with its path and its place in words."""
    for index, stage in enumerate(stages):
        yield stage, f"{path}.{index}", f"{words}{index + 1}. {forms.described('techniques', stage.name).title}"


def _variables(node: Node, path: str, words: str) -> Iterator[Variable]:
    """Yield the fields of an entry that can take several values, and those of its teachers."""
    for part in fields(node.kind, node.name):
        value, inside = node.values[part.name], f"{path}.{part.name}"
        if isinstance(value, TeacherDraft):
            whose = f"{words}, {part.title.lower()}"
            yield from _variables(value.model, f"{inside}.model", f"{whose}'s model")
            for place in _places(value.stages, f"{inside}.recipe", f"{whose}'s "):
                yield from _variables(*place)
        elif part.widget not in ("text", "choices", "teachers"):
            choices = {"switch": {"yes": True, "no": False}, "choice": {str(each): each for each in part.choices}}
            id, title = f"{node.uid}.{part.name}", f"{words}: {part.title}"
            yield Variable(id, inside, title, value, choices.get(part.widget), part.integer)


def _entry(node: Node, id: str, path: str, title: str) -> Variable:
    """Return a whole entry as a field: another one has its defaults."""
    choices = {name: {"name": name} for name in names(node.kind)} | {node.name: node.to_json()}
    return Variable(id, path, title, choices[node.name], choices)


def _base(document: dict[str, Any], first: Spec) -> Spec:
    """Return the spec that a document varies; its first run where that is no whole spec by itself."""
    try:
        return check(document.get("spec"))
    except BadInput:
        return first


_ELSEWHERE = "the form has no room for this; `python -m greenai_core submit` takes any list or sweep."
