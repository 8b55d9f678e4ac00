"""From one document to many specs: a spec, a list of specs, or a spec with fields that take several values."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from greenai_core.errors import BadInput
from greenai_core.spec import Spec, check

MAX_RUNS = 10_000
"""More in one document is a slip of the pen."""


def expand(document: Any) -> list[Spec]:
    """Return the specs of a document, the last swept field changing fastest, seeds faster still.

    Args:
        document: decoded JSON: a spec; a list of specs; or ``{"spec": ..., "sweep": {"recipe.1.sparsity": [0.6, 0.8]},
            "seeds": [0, 1]}`` where `sweep` and `seeds` may each be left out.

    Raises:
        BadInput: a spec is refused, or a swept path leads nowhere; the sentence names the field.
    """
    if isinstance(document, list):
        if not document:
            raise BadInput("the list of specs is empty.")
        return [_check(f"{index}.", item) for index, item in enumerate(document)]
    if isinstance(document, Mapping) and "spec" in document:
        return _grid(document)
    return [check(document)]


def _grid(document: Mapping[str, Any]) -> list[Spec]:
    unknown = sorted(document.keys() - {"spec", "sweep", "seeds"})
    if unknown:
        raise BadInput(f"{unknown[0]}: there is no such field; a sweep has spec, sweep and seeds.")
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
    for combination in product(*(values for _, values in axes.values())):
        value = copy.deepcopy({"measurement": {}, **base})  # the one object of a spec that may be left out
        for (name, (path, _)), chosen in zip(axes.items(), combination, strict=True):
            _put(name, value, path, chosen)
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
