"""One module is one entry: data sets, models and techniques are found by scanning their package and its folders.

An entry is a pydantic model whose fields are at once the hyper-parameters, the form, the JSON and the
documentation. A technique is written as such a class. A data set or a model is written as a function, and its
keyword-only parameters become the fields. The module's name is the entry's name everywhere.

Nothing here imports torch, and no entry does so before its work begins: the catalogue, the forms and the check of a
spec must answer at once, in processes that never train.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
)

from greenai_core.errors import BadInput
from greenai_core.facts import NETWORK, Fact

Kind = Literal["datasets", "models", "techniques"]
KINDS: tuple[Kind, ...] = ("datasets", "models", "techniques")


_LABELLED = re.compile(r"^(?:Pays|Family|Source): ", re.MULTILINE)
"""Where the lines begin that follow the paragraphs of a docstring."""

CANONICAL = {"canonical": True}
"""Serialization context of what identities are hashed from."""


def canonical(value: BaseModel, **options: Any) -> dict[str, Any]:
    """Return the JSON form that an identity is hashed from.

    Defaults are filled in, but for fields that came later. A field that does not apply has its default, whatever was
    chosen: what does the same has the same identity.
    """
    return value.model_dump(mode="json", context=CANONICAL, **options)


def applies(field: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Tell whether a field changes anything while the others of its entry have these values.

    Args:
        field: its JSON schema, in which `applies_with` gives the values of other fields with which it matters, and
            `applies_unless` those with which it does not.
        values: of the other fields, by name.
    """
    needed, barred = field.get("applies_with", {}), field.get("applies_unless", {})
    matters = all(values.get(name) == value for name, value in needed.items())
    return matters and all(values.get(name) != value for name, value in barred.items())


class Entry(BaseModel):
    """A named, frozen set of parameters; equal parameters are equal entries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: ClassVar[int] = 1
    """Raised when the behaviour changes, so that stored checkpoints of the old behaviour are not used."""

    changeable: ClassVar[bool] = False
    """Whether the same parameters can stand for something else tomorrow, as files in a folder do."""

    later: ClassVar[frozenset[str]] = frozenset()
    """Fields that came later; while they have their default, which means the old behaviour, `canonical` leaves them
    out, so that what was stored before keeps its identity."""

    @classmethod
    def entry_name(cls) -> str:
        """Return the module's name, which is the name in forms, specs, records and on the command line."""
        return cls.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.entry_name()

    @model_serializer(mode="wrap")
    def _with_name(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        written = {"name": self.name, **handler(self)}
        return self._canonical(written) if info.context is CANONICAL else written

    def _canonical(self, written: dict[str, Any]) -> dict[str, Any]:
        """Return what `canonical` says of this entry, whose fields are written in full."""
        fields = type(self).model_fields
        hints = {name: info.json_schema_extra for name, info in fields.items()}
        idle = {name for name, hint in hints.items() if isinstance(hint, dict) and not applies(hint, written)}
        plain = {name for name in self.later if name in idle or getattr(self, name) == fields[name].default}
        said = {**written, **{name: fields[name].default for name in idle}}
        return {name: value for name, value in said.items() if name not in plain}

    def content_digest(self) -> str | None:
        """Return a hash of what the parameters name but do not hold, such as a file; None: they hold everything."""
        return None

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Check `parameters` (without the name) and build the entry."""
        return cls.model_validate(dict(parameters))

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Describe the entry: name, title, summary, details, pays, family, source, version, needs, gives, parameters.

        Summary is the first sentence of the docstring, details the paragraphs below it up to the labelled lines,
        parameters a JSON schema. Pays is when a technique is worth it and when not, to be read after the word "Pays";
        data sets and models have none.

        Needs and gives are facts that order a recipe, see `greenai_core.facts`; data sets have none.
        """
        text = inspect.getdoc(cls) or ""
        title, _, summary = text.partition("\n")[0].partition(": ")
        return {
            "name": cls.entry_name(),
            "title": title,
            "summary": summary,
            "pays": _line(text, "Pays"),
            "family": _line(text, "Family"),
            "source": _line(text, "Source"),
            "details": _LABELLED.split(text.partition("\n\n")[2])[0].strip(),
            "version": cls.version,
            "needs": [],
            "gives": [],
            "parameters": cls.model_json_schema(),
        }


class FunctionEntry(Entry):
    """An entry written as a function; its positional parameters come from the run, its keywords from the spec."""

    function: ClassVar[Callable[..., Any]]

    facts: ClassVar[frozenset[Fact]] = NETWORK
    """What holds of a model that the function returns."""

    def __call__(self, *args: Any) -> Any:
        """Call the function on `args` with this entry's parameters."""
        keywords = {field: getattr(self, field) for field in type(self).model_fields}
        return type(self).function(*args, **keywords)


def _line(docstring: str, label: str) -> str:
    """Return the text after ``label:`` in a docstring, its indented continuation lines included."""
    found = re.search(rf"^{label}: (.+(?:\n[ \t]+.+)*)", docstring, re.MULTILINE)
    return re.sub(r"\s+", " ", found.group(1)) if found else ""


def _from_function(function: Callable[..., Any], module: ModuleType) -> type[FunctionEntry]:
    keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    fields: dict[str, Any] = {p.name: (p.annotation, ... if p.default is p.empty else p.default) for p in keywords}
    entry = create_model(
        function.__name__,
        __base__=FunctionEntry,
        __module__=function.__module__,
        __doc__=inspect.getdoc(function),
        **fields,
    )
    entry.function = staticmethod(function)
    entry.version = getattr(module, "VERSION", entry.version)
    entry.later = getattr(module, "LATER", entry.later)
    entry.changeable = getattr(module, "CHANGEABLE", entry.changeable)
    entry.facts = getattr(module, "FACTS", entry.facts)
    return entry


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """Return the names of all entries of one kind, sorted, without importing any of them."""
    return tuple(sorted(_modules(kind)))


@cache
def _modules(kind: Kind) -> dict[str, str]:
    """Return where each entry of a kind is: its module by its name."""
    package = f"greenai_core.{kind}"
    return dict(_scan(importlib.import_module(package).__path__, package))


def _scan(path: Iterable[str], package: str) -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(path):
        full = f"{package}.{module.name}"
        if module.ispkg:
            yield from _scan([str(Path(folder) / module.name) for folder in path], full)
        elif not module.name.startswith("_"):
            yield module.name, full


@cache
def entry(kind: Kind, name: str) -> type[Entry]:
    """Return one entry's class.

    Raises:
        BadInput: there is none of that name; the sentence lists those there are.
    """
    if name not in names(kind):
        raise BadInput(f"unknown {kind.removesuffix('s')} {name!r}; known: {', '.join(names(kind))}")
    module = importlib.import_module(_modules(kind)[name])
    (public,) = module.__all__
    declared: Any = getattr(module, public)
    if inspect.isfunction(declared):
        return _from_function(declared, module)
    found: type[Entry] = declared
    return found


@cache
def family(kind: Kind, name: str) -> str:
    """Return the family of an entry in words; the name itself where there is no such entry any more."""
    if name not in names(kind):
        return name
    return re.sub(r"\W+", " ", entry(kind, name).describe()["family"]) or name


def parse(kind: Kind, value: Any) -> Entry:
    """Build an entry from its JSON form ``{"name": ..., **parameters}``; an entry is returned as it is.

    Raises:
        ValueError: no name, an unknown name (`BadInput`), or parameters that are refused (`pydantic.ValidationError`,
            whose locations pydantic merges into those of an enclosing model).
    """
    if isinstance(value, Entry):
        return value
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise BadInput(f'expected an object with a "name"; known {kind}: {", ".join(names(kind))}')
    return entry(kind, value["name"]).from_json({k: v for k, v in value.items() if k != "name"})


def entries(*values: Any) -> Iterator[Entry]:
    """Yield every entry among `values` and inside their fields, however deep: a spec's, a teacher's."""
    for value in values:
        if isinstance(value, Entry):
            yield value
        if isinstance(value, BaseModel):
            yield from entries(*(getattr(value, field) for field in type(value).model_fields))
        elif isinstance(value, tuple | list):
            yield from entries(*value)


def versions(*values: BaseModel) -> dict[str, int]:
    """Return the version of every entry among `values` and inside their fields, by name."""
    return {entry.name: entry.version for entry in entries(*values)}


def catalog() -> dict[str, list[dict[str, Any]]]:
    """Describe every entry of every kind."""
    return {kind: [entry(kind, name).describe() for name in names(kind)] for kind in KINDS}
