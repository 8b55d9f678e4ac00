"""From one document to many specs: a spec, a list of specs, or a spec with fields that take several values."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from greenai_core.errors import BadInput
from greenai_core.spec import Spec, check

MAX_RUNS = 10_000
"""More in one document is a slip of the pen."""

FIELDS = ("spec", "sweep", "seeds", "budget_j")
"""Of a document that asks for several runs of one kind."""


@dataclass(frozen=True)
class Sweep:
    """What a document asks for: at least one spec, and joules after which the rest is cancelled; None: no limit."""

    specs: tuple[Spec, ...]
    budget_j: float | None = None


def expand(document: Any) -> list[Spec]:
    """Return the specs of a document; see `read`."""
    return list(read(document).specs)


def read(document: Any) -> Sweep:
    """Return what a document asks for, the last swept field changing fastest, seeds faster still.

    Args:
        document: decoded JSON: a spec; a list of specs; or ``{"spec": ..., "sweep": {"recipe.1.sparsity": [0.6, 0.8]},
            "seeds": [0, 1], "budget_j": 500}`` where all but `spec` may be left out.

    Raises:
        BadInput: a spec is refused, or a swept path leads nowhere; the sentence names the field.
    """
    if isinstance(document, list):
        if not document:
            raise BadInput("the list of specs is empty.")
        return Sweep(tuple(_check(f"{index}.", item) for index, item in enumerate(document)))
    if isinstance(document, Mapping) and "spec" in document:
        unknown = sorted(document.keys() - FIELDS)
        if unknown:
            raise BadInput(f"{unknown[0]}: there is no such field; a sweep has {', '.join(FIELDS)}.")
        return Sweep(tuple(_grid(document)), _budget(document.get("budget_j")))
    return Sweep((check(document),))


def _budget(value: Any) -> float | None:
    """Check a number of joules."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 < value <= sys.float_info.max):
        raise BadInput(f"budget_j: expected a positive number of joules, got {value!r}.")
    return None if value is None else float(value)


def _grid(document: Mapping[str, Any]) -> list[Spec]:
    base, sweep = document["spec"], document.get("sweep", {})
    if not isinstance(base, Mapping):
        raise BadInput("spec: expected an object.")
    if not isinstance(sweep, Mapping):
        raise BadInput('sweep: expected an object such as {"recipe.1.sparsity": [0.6, 0.8]}.')
    axes = {f"sweep.{path}": (path.split("."), _values(f"sweep.{path}", values)) for path, values in sweep.items()}
    if "seeds" in document:
        axes["seeds"] = (["seed"], _values("seeds", document["seeds"]))
    runs = prod(len(values) for _, values in axes.values())
    if runs > MAX_RUNS:
        raise BadInput(f"sweep: {runs:,} runs are more than the limit of {MAX_RUNS:,}.")
    specs = []
    outside_in = sorted(axes, key=lambda name: len(axes[name][0]))  # a whole model goes in before its width
    for combination in product(*(values for _, values in axes.values())):
        value = copy.deepcopy({"measurement": {}, **base})  # the one object of a spec that may be left out
        chosen = dict(zip(axes, combination, strict=True))
        for name in outside_in:
            _put(name, value, axes[name][0], copy.deepcopy(chosen[name]))
        specs.append(_check("spec.", value))
    return specs


def _check(prefix: str, value: Any) -> Spec:
    try:
        return check(value)
    except BadInput as error:
        raise BadInput(f"{prefix}{error}") from None


def _values(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise BadInput(f"{name}: expected a list of at least one value.")
    return values


def _put(name: str, value: Any, path: Sequence[str], chosen: Any) -> None:
    *parents, leaf = path
    for part in parents:
        value = _child(name, value, part)
    if isinstance(value, list):
        _child(name, value, leaf)
        value[int(leaf)] = chosen
    elif isinstance(value, dict):
        value[leaf] = chosen
    else:
        raise BadInput(f"{name}: the spec has no such field.")


def _child(name: str, value: Any, part: str) -> Any:
    try:
        return value[int(part)] if isinstance(value, list) and part.isdecimal() else value[part]
    except (KeyError, IndexError, TypeError):
        raise BadInput(f"{name}: the spec has nothing at {part!r}.") from None
