"""A spec while a person is still writing it: perhaps not valid yet, its parts known by names that stay."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from greenai_core.errors import BadInput
from greenai_core.forms import fields
from greenai_core.registry import Kind
from greenai_core.spec import Spec, check

MAX_SEEDS = 100
"""More seeds than this in one go is a typing error."""

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
            node.values[part.name] = TeacherDraft.of_json(given) if part.widget == "teacher" else given
        return node

    def to_json(self) -> dict[str, Any]:
        """Write the entry; values that are missing are left out, so that the check can name them."""
        written = {k: v.to_json() if isinstance(v, TeacherDraft) else v for k, v in self.values.items()}
        return {"name": self.name, **{k: v for k, v in written.items() if v is not None}}


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
class Draft:
    """A whole run being written. `seeds` is text such as ``0, 1, 2``; each seed becomes a spec of its own."""

    dataset: Node
    model: Node
    stages: list[Node]
    seeds: str
    measurement: dict[str, Any]
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

    def specs(self) -> list[Spec]:
        """Check what was written so far and return one spec per seed.

        Raises:
            BadInput: the sentence names the field that is refused.
        """
        written = {
            "dataset": self.dataset.to_json(),
            "model": self.model.to_json(),
            "recipe": [stage.to_json() for stage in self.stages],
            "measurement": self.measurement,
        }
        return [check({**written, "seed": seed}) for seed in parse_seeds(self.seeds)]


def move(stages: list[Node], index: int, by: int) -> None:
    """Move a stage by so many places; at either end it stays where it is."""
    target = min(max(index + by, 0), len(stages) - 1)
    stages.insert(target, stages.pop(index))


def parse_seeds(text: str) -> list[int]:
    """Read ``3``, ``0, 1, 2`` or ``0-4`` as seeds, each once, in the order written.

    Raises:
        BadInput: the text is something else, or names more than `MAX_SEEDS` seeds.
    """
    seeds: dict[int, None] = {}
    for part in re.split(r"[,\s]+", text.strip()):
        found = re.fullmatch(r"(\d{1,10})(?:-(\d{1,10}))?", part)
        if not found:
            raise BadInput(f"seeds: {part!r} is not a whole number; write for example 0, 1, 2 or 0-4.")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise BadInput(f"seeds: {part!r} counts backwards; write the smaller seed first.")
        if last - first + len(seeds) >= MAX_SEEDS:
            raise BadInput(f"seeds: at most {MAX_SEEDS} seeds can be launched at once.")
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return list(seeds)
