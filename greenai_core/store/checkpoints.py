"""The prefix cache: what each stage of a recipe left behind, under a key of everything that made it.

A stage whose key is stored is never trained again. The history, written last, makes a checkpoint valid; it tells
what each stage up to here cost when it ran.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from greenai_core.record import StageRecord
from greenai_core.registry import Entry, FunctionEntry
from greenai_core.spec import Spec, Teacher, digest
from greenai_core.store import artifacts


def keys(spec: Spec, digest_of: Callable[[FunctionEntry], str], numerics: dict[str, Any]) -> tuple[str, ...]:
    """Return the key after each stage of the recipe.

    Args:
        spec: what to run; `measurement` does not enter.
        digest_of: gives the hash of a data set's content; asked for a teacher's data set, too.
        numerics: everything else that the resulting weights depend on, see `greenai_core.walk.Setting.numerics`.
    """

    def identity(entry: Entry) -> dict[str, Any]:
        """Return the entry's JSON and version; a teacher is what it leaves behind, the key after its last stage."""
        inside = {
            field: keys(value.within(spec), digest_of, numerics)[-1]
            for field in type(entry).model_fields
            if isinstance(value := getattr(entry, field), Teacher)
        }
        return {**entry.model_dump(mode="json"), **inside, "version": entry.version}

    given = {"model": identity(spec.model), "dataset": digest_of(spec.dataset), "seed": spec.seed, "numerics": numerics}
    stages = [identity(stage) for stage in spec.recipe]
    return tuple(digest({**given, "recipe": stages[:end]}) for end in range(1, len(stages) + 1))


def teachers(stage: Entry) -> tuple[Teacher, ...]:
    """Return the teachers among a stage's parameters."""
    return tuple(v for field in type(stage).model_fields if isinstance(v := getattr(stage, field), Teacher))


def stored(keys: Sequence[str]) -> int:
    """Return how many stages, from the first on, need not run: up to the last one whose checkpoint is complete."""
    ends = range(len(keys), 0, -1)
    return next((end for end in ends if artifacts.exists(_name(keys[end - 1], "history.json"))), 0)


def history(key: str) -> tuple[StageRecord, ...]:
    """Return what each stage up to this checkpoint cost, marked as cached."""
    stages = json.loads(artifacts.read(_name(key, "history.json")))
    return tuple(_cached(StageRecord.model_validate(stage)) for stage in stages)


def read(key: str) -> tuple[bytes, bytes]:
    """Return the tensors and the structure, see `greenai_core.checkpoint`."""
    return artifacts.read(_name(key, "weights.safetensors")), artifacts.read(_name(key, "structure.json"))


def write(key: str, tensors: bytes, structure: bytes, stages: Sequence[StageRecord]) -> None:
    """Store a checkpoint and the history of its stages."""
    artifacts.write(_name(key, "weights.safetensors"), tensors)
    artifacts.write(_name(key, "structure.json"), structure)
    content = json.dumps([stage.model_dump(mode="json") for stage in stages])
    artifacts.write(_name(key, "history.json"), content.encode())


def _cached(stage: StageRecord) -> StageRecord:
    return stage.model_copy(update={"cached": True, "teacher": tuple(map(_cached, stage.teacher))})


def _name(key: str, file: str) -> str:
    return f"checkpoints/{key}/{file}"
