"""Snapshots of stages that train: what a killed one continues from, by the stage's key and the call of `fit` within.

Of each call there is one snapshot, the last. The numbers, written last, make it valid: they name the file of its
tensors and its hash. Two files take turns, so that what is valid is never written over.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from greenai_core.store import artifacts

TURNS = ("a", "b")


def exists(key: str, call: int) -> bool:
    """Tell whether there is a snapshot; it may be broken."""
    return artifacts.exists(_numbers(key, call))


def read(key: str, call: int) -> tuple[bytes, dict[str, Any]]:
    """Return the tensors and the numbers of a snapshot, as they were written.

    Raises:
        ValueError: there is none, its files are torn, or they do not belong together.
    """
    name = _numbers(key, call)
    numbers = json.loads(artifacts.read(name))
    if not isinstance(numbers, dict) or numbers.get("turn") not in TURNS:
        raise ValueError(f"{name} does not name its tensors")
    tensors = artifacts.read(_tensors(key, call, numbers.pop("turn")))
    if hashlib.sha256(tensors).hexdigest() != numbers.pop("sha256", None):
        raise ValueError(f"the tensors are not those that {name} names")
    return tensors, numbers


def write(key: str, call: int, tensors: bytes, numbers: dict[str, Any]) -> None:
    """Store a snapshot in place of the last one, which stays valid until this one is whole.

    Raises:
        RunFailed: there is no room.
    """
    used = _turn(key, call)
    turn = next(turn for turn in TURNS if turn != used)
    artifacts.write(_tensors(key, call, turn), tensors)
    named = {**numbers, "turn": turn, "sha256": hashlib.sha256(tensors).hexdigest()}
    artifacts.write(_numbers(key, call), json.dumps(named, allow_nan=False).encode())
    if used is not None:
        artifacts.delete(_tensors(key, call, used))


def remove(key: str) -> None:
    """Remove the snapshots of a stage, if there are any."""
    artifacts.delete_all(f"resume/{key}")


def _turn(key: str, call: int) -> str | None:
    """Return which file the valid snapshot uses; None where there is none, or none that can be read."""
    try:
        found = json.loads(artifacts.read(_numbers(key, call)))["turn"]
    except (ValueError, KeyError, TypeError):  # BadInput, where there is none, is a ValueError
        return None
    return found if found in TURNS else None


def _numbers(key: str, call: int) -> str:
    return f"resume/{key}/{call}.json"


def _tensors(key: str, call: int, turn: str) -> str:
    return f"resume/{key}/{call}.{turn}.safetensors"
