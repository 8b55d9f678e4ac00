"""What a recipe promises by its parameters, and what its techniques say of themselves.

No technique is known by name here. A promise follows from what its class declares: the fields `sparsity`, `compression`
and `bits`; the title and the first sentence of its docstring, which name the bits of a deployed file (``int8``,
``4 bits``) or the pattern of zeros (``2:4``); and `takes` and `gives`, which say whether it writes a file and whether
what it leaves is dense. What promises no number (a distillation, a rank, a number of blocks) makes no promise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, Literal

from greenai_core import registry
from greenai_core.techniques._base import Technique

FLOAT_BITS = 32

Does = Literal["zeros", "removal", "sharing", "bits"]
"""How weights become fewer bits: some are zero, some are gone, several are one, or each is shorter."""

SLOWER = re.compile(r"\b(slower|longer)\b")
SAME = re.compile(r"\b(stay|stays|same|as before|neither|nothing|no speed|do not)\b")
_BITS = re.compile(r"\b(?:int|float)(\d+)\b|\b(\d+) bits\b")
_PATTERN = re.compile(r"^(\d+):(\d+)\b")


@dataclass(frozen=True)
class Promise:
    """What one stage promises: that the weights take so many times fewer bits."""

    stage: str
    does: Does
    times: float


@dataclass(frozen=True)
class Declared:
    """What a technique's class says of itself: `details` are the sentences below the first, when it pays last."""

    title: str
    details: tuple[str, ...]
    bits: int | None
    kept: float | None
    masks: bool
    defaults: Mapping[str, Any]


def promises(recipe: Iterable[Mapping[str, Any]]) -> tuple[Promise, ...]:
    """Return what the stages of a recipe in JSON form promise; one that promises nothing is left out."""
    found = [_promise(stage) for stage in recipe]
    return tuple(promise for promise in found if promise is not None and promise.times > 1)


def times(promised: Sequence[Promise]) -> float | None:
    """Return how many times fewer bits all weights take if every promise is kept; None: nothing was promised.

    What one stage removes or shares, the next finds gone. Zeros of earlier stages count among those that a later one
    asks for, and a weight has the bits of the shortest form it was given: of these, the largest promise holds.
    """
    if not promised:
        return None
    largest = [max((p.times for p in promised if p.does == does), default=1.0) for does in ("zeros", "bits")]
    return prod(p.times for p in promised if p.does in ("removal", "sharing")) * prod(largest)


def says(stage: str, about: re.Pattern[str], how: re.Pattern[str] | None = None) -> str:
    """Return the sentence in which a technique speaks `about` something, if it can the one that also says `how`.

    Returns:
        ``TITLE: "SENTENCE"``; empty where it says nothing of it.
    """
    declared = of(stage)
    found = [sentence for sentence in declared.details if about.search(sentence)] if declared else []
    fitting = [sentence for sentence in found if how is not None and how.search(sentence)]
    chosen = next(iter([*fitting, *found]), None)
    return f"{declared.title}: \u201c{chosen}\u201d" if declared and chosen else ""


def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a text of any number of lines, each on one."""
    return tuple(re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", re.sub(r"\s+", " ", text)))


@cache
def of(stage: str) -> Declared | None:
    """Return what the technique of that name declares; None where there is none of that name any more."""
    if stage not in registry.names("techniques"):
        return None
    cls = registry.entry("techniques", stage)
    assert issubclass(cls, Technique)
    described = cls.describe()
    first = f"{described['title']}: {described['summary']}"
    bits = _BITS.search(first) if "artifact" in cls.gives else None
    pattern = _PATTERN.search(first)
    return Declared(
        title=described["title"],
        details=sentences(f"{described['details']} Pays {described['pays']}"),
        bits=int(bits[1] or bits[2]) if bits else None,
        kept=int(pattern[1]) / int(pattern[2]) if pattern else None,
        masks="dense" in cls.takes,
        defaults={name: field.default for name, field in cls.model_fields.items()},
    )


def _promise(stage: Mapping[str, Any]) -> Promise | None:
    declared = of(stage["name"])
    if declared is None:
        return None
    given = {**declared.defaults, **stage}
    kept = 1 - given["sparsity"] if "sparsity" in given else declared.kept
    if kept is not None:
        return Promise(stage["name"], "zeros" if declared.masks else "removal", 1 / kept)
    if "compression" in given:
        return Promise(stage["name"], "sharing", 1 / given["compression"])
    bits = given.get("bits", declared.bits)
    return None if bits is None else Promise(stage["name"], "bits", FLOAT_BITS / bits)
