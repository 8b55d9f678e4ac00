"""Several values of one field, as people write them: ``0.6, 0.8``, ``0.1-0.9 step 0.2``, ``0-4``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from greenai_core.errors import BadInput

MAX_SEEDS = 100
"""More seeds than this in one go is a typing error."""

MAX_VALUES = 1000
"""So are more values than this of one field."""

_NUMBER = r"[+-]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:e[+-]?\d{1,2})?"
_RANGE = re.compile(
    rf"(?P<first>{_NUMBER})(?:\s*(?:-|\u2013|\bto\b)\s*(?P<last>{_NUMBER})(?:\s+step\s+(?P<step>{_NUMBER}))?)?", re.I
)


@dataclass(frozen=True)
class Variable:
    """A field that can take several values: its `path` in the document, its `title` with its place in words.

    `id` stays when its stage is moved. `choices` are the JSON values by their names; None: it is a number.
    """

    id: str
    path: str
    title: str
    value: Any
    choices: dict[str, Any] | None = None
    integer: bool = False

    def present(self) -> str | list[str]:
        """Return the value that the form holds now as one would write it here."""
        if self.value is None:
            return "" if self.choices is None else []
        written = labels(self.title, self.choices, [self.value])
        return written[0] if self.choices is None else written

    def read(self, written: str | list[str]) -> list[Any]:
        """Return what was written as JSON values.

        Raises:
            BadInput: it is none; the sentence names the field.
        """
        if self.choices is None:
            return parse_numbers(self.title, str(written), integer=self.integer)
        if not written:
            raise BadInput(f"{self.title}: choose at least one value, or remove the row.")
        return [self.choices[name] for name in written]


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


def parse_numbers(name: str, text: str, *, integer: bool = False) -> list[int | float]:
    """Read ``0.6, 0.8``, ``0.1-0.9 step 0.2`` or, of whole numbers, ``1-5`` as numbers, each once.

    Args:
        name: the field, for the sentence of a refusal.
        text: what was written.
        integer: whether the field takes whole numbers; then a range needs no step.

    Raises:
        BadInput: the text is something else, or stands for more than `MAX_VALUES` values.
    """
    example = "1, 2, 5 or 1-5" if integer else "0.6, 0.8 or 0.1-0.9 step 0.2"
    values: dict[Decimal, None] = {}
    for part in filter(None, re.split(r"\s*[,;]\s*", text.strip())):
        found = _RANGE.fullmatch(part)
        if not found:
            raise BadInput(f"{name}: {part!r} is not a number; write for example {example}.")
        if found["last"] and not found["step"] and not integer:
            raise BadInput(f"{name}: {part!r} needs a step; write for example 0.1-0.9 step 0.2.")
        values.update(dict.fromkeys(_range(name, part, found)))
        if len(values) > MAX_VALUES:
            raise BadInput(f"{name}: more than {MAX_VALUES:,} values are a slip of the pen.")
    if not values:
        raise BadInput(f"{name}: write at least one value, for example {example}, or remove the row.")
    return [int(value) if integer and value == int(value) else float(value) for value in values]


def _range(name: str, part: str, found: re.Match[str]) -> Iterator[Decimal]:
    first, last = Decimal(found["first"]), Decimal(found["last"] or found["first"])
    step = Decimal(found["step"] or 1)
    if last < first:
        raise BadInput(f"{name}: {part!r} counts backwards; write the smaller value first.")
    if step <= 0:
        raise BadInput(f"{name}: the step of {part!r} must be positive.")
    number = int((last - first) / step) + 1
    if number > MAX_VALUES:
        raise BadInput(f"{name}: more than {MAX_VALUES:,} values are a slip of the pen.")
    return (first + step * index for index in range(number))


def labels(path: str, choices: Mapping[str, Any] | None, values: Sequence[Any]) -> list[str]:
    """Return values as they are written in the form: by their names among `choices`, or as numbers.

    Raises:
        BadInput: one of them is not among the choices.
    """
    if choices is None:
        return [value if isinstance(value, str) else json.dumps(value) for value in values]
    names = []
    for value in values:
        name = next((name for name, known in choices.items() if known == value and type(known) is type(value)), None)
        if name is None:
            raise BadInput(f"{path}: {value!r} is not among the choices of the form: {', '.join(choices)}.")
        names.append(name)
    return names
