"""The form of an entry, read from its fields: which widget, which bounds, which words.

A field of a data set, a model or a technique is a pydantic field. Its JSON schema says everything a form needs, so no
entry describes its form, and no page knows an entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from greenai_core.registry import Entry, Kind, entry

Widget = Literal["slider", "number", "choice", "switch", "text", "teacher"]

SLIDER_POSITIONS = 400
"""A slider with more positions than this cannot be set exactly by hand."""
SLIDER_SPAN = 100.1
"""A range that ends at more than this many times its beginning is typed; a slider has no room for the small values."""
CLOSE = 5
"""A default fewer steps than this from the lower bound belongs to a range of several decades, which is typed."""


@dataclass(frozen=True)
class Field:
    """One field of a form. `low` and `high` are in the field's own type; None where there is no bound."""

    name: str
    widget: Widget
    title: str
    help: str
    default: Any
    integer: bool = False
    optional: bool = False
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[Any, ...] = ()


@cache
def fields(kind: Kind, name: str) -> tuple[Field, ...]:
    """Return the form of one entry, in the order of its fields.

    Raises:
        BadInput: there is no such entry.
    """
    return _fields(entry(kind, name))


@dataclass(frozen=True)
class Described:
    """What a person reads about an entry."""

    title: str
    summary: str
    source: str


@cache
def described(kind: Kind, name: str) -> Described:
    """Return title, summary and source of an entry.

    Raises:
        BadInput: there is no such entry.
    """
    words = entry(kind, name).describe()
    return Described(words["title"] or name, words["summary"], words["source"])


def _fields(declared: type[Entry]) -> tuple[Field, ...]:
    schema = declared.model_json_schema()
    definitions = schema.get("$defs", {})
    return tuple(
        _field(name, schema["properties"][name], definitions, _default(info))
        for name, info in declared.model_fields.items()
    )


def _default(info: FieldInfo) -> Any:
    """Return the default in its JSON form; None where a value is required."""
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return None
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _field(name: str, schema: dict[str, Any], definitions: dict[str, Any], default: Any) -> Field:
    branches = [_resolve(branch, definitions) for branch in schema.get("anyOf", [schema])]
    shapes = [branch for branch in branches if branch.get("type") != "null"]
    shape = {**schema, **shapes[0]} if len(shapes) == 1 else schema
    plain = Field(
        name=name,
        widget="text",
        title=schema.get("title", name.replace("_", " ").capitalize()),
        help=schema.get("description", ""),
        default=default,
        optional=len(shapes) < len(branches),
    )
    if {"model", "recipe"} <= set(shape.get("properties", ())):
        return replace(plain, widget="teacher")
    if "enum" in shape or "const" in shape:
        return replace(plain, widget="choice", choices=tuple(shape.get("enum", [shape.get("const")])))
    if shape.get("type") == "boolean":
        return replace(plain, widget="switch")
    if shape.get("type") in ("integer", "number"):
        return _number(plain, shape)
    return plain


def _resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return {**definitions.get(reference.rpartition("/")[2], {}), **schema} if reference else schema


def _number(plain: Field, shape: dict[str, Any]) -> Field:
    integer = shape["type"] == "integer"
    low = shape.get("minimum", shape.get("exclusiveMinimum"))
    high = shape.get("maximum", shape.get("exclusiveMaximum"))
    typed = replace(
        plain, widget="number", integer=integer, low=low, high=high, step=_typed_step(plain.default, integer)
    )
    if low is None or high is None or plain.optional:
        return typed
    step = shape.get("multipleOf") or (1 if integer else _step(low, high))
    near = plain.default not in (None, low) and plain.default - low < CLOSE * step
    if near or (high - low) / step > SLIDER_POSITIONS or high / max(low, step) > SLIDER_SPAN:
        return typed
    return replace(
        typed,
        widget="slider",
        step=step,
        low=low + step if "minimum" not in shape else low,
        high=high - step if "maximum" not in shape else high,
    )


def _typed_step(default: float | None, integer: bool) -> float:
    """Return the step of a number that is typed: the place of the first digit of the default."""
    return 1 if integer else float(10.0 ** math.floor(math.log10(abs(default or 1.0))))


def _step(low: float, high: float) -> float:
    """Return a power of ten that gives a range between 50 and 500 positions."""
    return float(10.0 ** math.floor(math.log10((high - low) / 50)))
