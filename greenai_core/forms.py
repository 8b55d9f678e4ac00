"""The form of an entry, read from its fields: which widget, which bounds, which words.

A field of a data set, a model or a technique is a pydantic field. Its JSON schema says everything a form needs, so no
entry describes its form, and no page knows an entry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from greenai_core.registry import Entry, Kind, applies, entry
from greenai_core.techniques._base import Trains

Widget = Literal["slider", "number", "choice", "choices", "switch", "text", "teacher", "teachers"]

SLIDER_POSITIONS = 400
"""A slider with more positions than this cannot be set exactly by hand."""
SLIDER_SPAN = 100.1
"""A range that ends at more than this many times its beginning is typed; a slider has no room for the small values."""
CLOSE = 5
"""A default fewer steps than this from the lower bound belongs to a range of several decades, which is typed."""


@dataclass(frozen=True)
class Field:
    """One field of a form. `low` and `high` are in the field's own type; None where there is no bound.

    Of a field that holds several, `least` and `most` say how many: some of the `choices`, or teachers. `common` are
    those that every technique that trains has. `applies_with` names the values of other fields with which it matters,
    `applies_unless` those with which it does not.
    """

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
    least: int = 0
    most: int | None = None
    common: bool = False
    applies_with: tuple[tuple[str, Any], ...] = ()
    applies_unless: tuple[tuple[str, Any], ...] = ()

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the field changes anything while the others of its entry have these values."""
        hints = {"applies_with": dict(self.applies_with), "applies_unless": dict(self.applies_unless)}
        return applies(hints, values)


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
    family: str
    summary: str
    pays: str
    source: str

    @property
    def help(self) -> str:
        """What it does, when it pays where that is said, and its source: paragraphs of Markdown."""
        return "\n\n".join(part for part in (self.summary, self.pays, self.source) if part)


@cache
def described(kind: Kind, name: str) -> Described:
    """Return title, family, summary, when it pays (a sentence or two; empty where nothing is said) and source.

    Raises:
        BadInput: there is no such entry.
    """
    words = entry(kind, name).describe()
    pays = f"Pays {words['pays']}" if words["pays"] else ""
    return Described(words["title"] or name, words["family"], words["summary"], pays, words["source"])


def _fields(declared: type[Entry]) -> tuple[Field, ...]:
    schema = declared.model_json_schema()
    definitions = schema.get("$defs", {})
    common = frozenset(Trains.model_fields) if issubclass(declared, Trains) else frozenset()
    found = (
        _field(name, schema["properties"][name], definitions, _default(info))
        for name, info in declared.model_fields.items()
    )
    return tuple(replace(field, common=field.name in common) for field in found)


def _default(info: FieldInfo) -> Any:
    """Return the default in its JSON form; None where a value is required."""
    value = info.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else _json(value)


def _json(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_json(each) for each in value]
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
        applies_with=tuple(schema.get("applies_with", {}).items()),
        applies_unless=tuple(schema.get("applies_unless", {}).items()),
    )
    if _is_teacher(shape):
        return replace(plain, widget="teacher")
    if choices := _choices(shape):
        return replace(plain, widget="choice", choices=choices)
    if shape.get("type") == "array":
        return _several(plain, shape, definitions)
    if shape.get("type") == "boolean":
        return replace(plain, widget="switch")
    if shape.get("type") in ("integer", "number"):
        return _number(plain, shape)
    return plain


def _is_teacher(shape: dict[str, Any]) -> bool:
    return {"model", "recipe"} <= set(shape.get("properties", ()))


def _choices(shape: dict[str, Any]) -> tuple[Any, ...]:
    return (shape["const"],) if "const" in shape else tuple(shape.get("enum", ()))


def _several(plain: Field, shape: dict[str, Any], definitions: dict[str, Any]) -> Field:
    each = _resolve(shape.get("items", {}), definitions)
    counted = replace(plain, least=shape.get("minItems", 0), most=shape.get("maxItems"))
    if _is_teacher(each):
        return replace(counted, widget="teachers")
    if choices := _choices(each):
        return replace(counted, widget="choices", choices=choices)
    raise TypeError(f"{plain.name}: a form has no widget for a list of {each.get('type')}")


def _resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return {**definitions.get(reference.rpartition("/")[2], {}), **schema} if reference else schema


def _number(plain: Field, shape: dict[str, Any]) -> Field:
    integer = shape["type"] == "integer"
    low = shape.get("minimum", shape.get("exclusiveMinimum"))
    high = shape.get("maximum", shape.get("exclusiveMaximum"))
    step = _typed_step(plain.default, integer)
    if plain.default is None and not integer and low is not None and high is not None:
        step = _step(low, high)
    typed = replace(plain, widget="number", integer=integer, low=low, high=high, step=step)
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
