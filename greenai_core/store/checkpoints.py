"""The prefix cache: what each stage of a recipe left behind, under a key of everything that made it.

A stage whose key is stored is not trained again. The history, written last, makes a checkpoint valid; it tells
what each stage up to here cost when it ran. What was not used for long may be gone, see `greenai_core.store.eviction`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from greenai_core.record import StageRecord
from greenai_core.registry import Entry, FunctionEntry, canonical
from greenai_core.spec import Spec, Teacher, digest
from greenai_core.store import artifacts, eviction


@dataclass(frozen=True)
class Restored:
    """The longest prefix of a recipe that is stored: how many stages are `done`, and what they left behind.

    `tensors` and `structure` as in `greenai_core.checkpoint`; `stages` as `history` returns them.
    """

    done: int
    stages: tuple[StageRecord, ...]
    tensors: bytes
    structure: bytes


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
            field: [keys(teacher.within(spec), digest_of, numerics)[-1] for teacher in among]
            for field, among in _teachers(entry).items()
        }
        content = entry.content_digest()
        named = {} if content is None else {"content": content}
        return {**canonical(entry), **inside, **named, "version": entry.version}

    given = {"model": identity(spec.model), "dataset": digest_of(spec.dataset), "seed": spec.seed, "numerics": numerics}
    stages = [identity(stage) for stage in spec.recipe]
    return tuple(digest({**given, "recipe": stages[:end]}) for end in range(1, len(stages) + 1))


def teachers(stage: Entry) -> tuple[Teacher, ...]:
    """Return the teachers among a stage's parameters."""
    return tuple(teacher for among in _teachers(stage).values() for teacher in among)


def _teachers(entry: Entry) -> dict[str, tuple[Teacher, ...]]:
    """Return the teachers that each field holds, of those that hold any."""
    values = {field: getattr(entry, field) for field in type(entry).model_fields}
    lists = {field: value if isinstance(value, tuple) else (value,) for field, value in values.items()}
    return {field: held for field, held in lists.items() if held and all(isinstance(v, Teacher) for v in held)}


def stored(keys: Sequence[str]) -> int:
    """Return how many stages, from the first on, need not run: up to the last one whose checkpoint is complete.

    As of now: whoever goes on from there uses `restore`.
    """
    ends = range(len(keys), 0, -1)
    return next((end for end in ends if artifacts.exists(_name(keys[end - 1], eviction.LAST))), 0)


def restore(keys: Sequence[str]) -> Restored | None:
    """Read the checkpoint that spares most stages; None where each has to run.

    One that is removed meanwhile, by eviction or by a person, counts as not stored: the one before it is tried.
    """
    for done in range(len(keys), 0, -1):
        try:
            return Restored(done, history(keys[done - 1]), *read(keys[done - 1]))
        except artifacts.NotStored:
            continue
    return None


def history(key: str) -> tuple[StageRecord, ...]:
    """Return what each stage up to this checkpoint cost, marked as cached.

    Raises:
        NotStored: there is no such checkpoint.
    """
    stages = json.loads(artifacts.read(_name(key, eviction.LAST)))
    eviction.used(key)
    return tuple(_cached(StageRecord.model_validate(stage)) for stage in stages)


def read(key: str) -> tuple[bytes, bytes]:
    """Return the tensors and the structure, see `greenai_core.checkpoint`.

    Raises:
        NotStored: there is no such checkpoint.
    """
    content = artifacts.read(_name(key, "weights.safetensors")), artifacts.read(_name(key, "structure.json"))
    eviction.used(key)
    return content


def write(key: str, tensors: bytes, structure: bytes, stages: Sequence[StageRecord]) -> None:
    """Store a checkpoint and the history of its stages; others may have to go for it."""
    history = json.dumps([stage.model_dump(mode="json") for stage in stages]).encode()
    # Before its files: what was used just now is not removed while it is written.
    eviction.written(key, len(tensors) + len(structure) + len(history))
    artifacts.write(_name(key, "weights.safetensors"), tensors)
    artifacts.write(_name(key, "structure.json"), structure)
    artifacts.write(_name(key, eviction.LAST), history)
    eviction.make_room(key)


def _cached(stage: StageRecord) -> StageRecord:
    return stage.model_copy(update={"cached": True, "teacher": tuple(map(_cached, stage.teacher))})


def _name(key: str, file: str) -> str:
    return f"{eviction.FOLDER}/{key}/{file}"
