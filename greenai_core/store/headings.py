"""The names that a file gives its figures: which a record lacks, and which are known in another unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.store import remarks
from greenai_core.store.derived import STORED
from greenai_core.store.schema import RUN_COLUMNS

REQUIRED = tuple(name for name, field in Record.model_fields.items() if field.is_required())
"""What no record can do without."""

FOLLOWING = frozenset({*Record.model_computed_fields, *STORED, "origin"})
"""Names that tables of runs have besides, for what follows from a record; an import leaves them out."""

_KNOWN = frozenset({*RUN_COLUMNS, *FOLLOWING, *remarks.COLUMNS})

_INDEX = re.compile(r"__index_level_\d+__")
"""The row labels of a data frame, as Parquet keeps them."""

_BASES = {"_j": "joules", "_bytes": "bytes", "_ms": "milliseconds", "_s": "seconds", "_g": "grams", "": "a fraction"}
_OTHERS: dict[str, dict[str, tuple[str, float]]] = {
    "_j": {"wh": ("Wh", 3600), "kwh": ("kWh", 3.6e6), "kj": ("kJ", 1e3), "mj": ("mJ", 1e-3), "uj": ("µJ", 1e-6)},
    "_bytes": {"kb": ("KB", 1024), "kib": ("KB", 1024), "mb": ("MB", 1024**2), "mib": ("MB", 1024**2)},
    "_ms": {"s": ("s", 1e3), "us": ("µs", 1e-3), "ns": ("ns", 1e-6)},
    "_s": {"ms": ("ms", 1e-3), "min": ("min", 60), "h": ("h", 3600)},
    "_g": {"kg": ("kg", 1e3), "mg": ("mg", 1e-3)},
    "": {"percent": ("per cent", 1e-2), "pct": ("per cent", 1e-2)},
}
"""Other units of what a name's ending says, and how many of the record's units each holds; 1 KB = 1024 bytes."""

_FRACTIONS = ("accuracy", "accuracy_val", "accuracy_train", "f1_macro")


def check(place: str, names: AbstractSet[str], *, table: bool) -> None:
    """Check the names of a record's fields or of a table's columns.

    Args:
        place: the file, and which record in it; a sentence begins with it.
        names: as they stand there.
        table: they are columns, which all records of the file have.

    Raises:
        BadInput: some are missing (all are named), in another unit, or unknown.
    """
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise BadInput(_lacking(place, missing, table))
    unknown = [name for name in names if name not in _KNOWN and not _INDEX.fullmatch(name)]
    for name in unknown:
        if hint := _hint(name):
            raise BadInput(f"{place}: {name}: {hint}")
    if unknown:
        noun = "column" if table else "field"
        raise BadInput(
            f"{place}: {_listed(unknown)}: there is no such field in a record; leave the {noun} out, or update the "
            "Green AI Explorer if a newer one wrote the file."
        )


def filled(place: str, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that are known, without those that follow from others.

    Raises:
        BadInput: some that are required are not known; all are named.
    """
    empty = [name for name in REQUIRED if form.get(name) is None]
    if empty:
        raise BadInput(f"{place}: {_listed(empty)}: {_is(empty)} required and empty.")
    return {name: value for name, value in form.items() if value is not None and name in RUN_COLUMNS}


def remedy(name: str, fits: Callable[[float], bool]) -> str:
    """Say, as the end of a sentence, what to do about a figure that cannot be.

    Args:
        name: of the field; its ending says the record's unit.
        fits: whether the figure could be in a unit that holds so many of the record's; the smallest such one is told.
    """
    others = next((units for ending, units in _OTHERS.items() if ending and name.endswith(ending)), {})
    likely = min((unit for unit in others.values() if fits(unit[1])), key=lambda unit: unit[1], default=None)
    return f"; is it in {likely[0]}? Then {_turned(likely[1])}." if likely else "; correct one of them."


def _lacking(place: str, missing: list[str], table: bool) -> str:
    if not table:
        return f"{place}: {_listed(missing)}: {_is(missing)} required and not there."
    return (
        f"{place}: lacks the {'column' if len(missing) == 1 else 'columns'} {_listed(missing)}; `python -m "
        "greenai_core records --out FILE` writes every column, a table downloaded from a page does not."
    )


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _hint(name: str) -> str:
    """Say how a field is got from a name that holds it in another unit; nothing where none is."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower().replace("%", " percent ")).strip("_")
    stem, _, unit = plain.rpartition("_")
    for ending, others in _OTHERS.items():
        field = f"{stem}{ending}"
        if unit in others and RUN_COLUMNS.get(field) in ("int", "float") and (ending or field in _FRACTIONS):
            said, size = others[unit]
            return f"is in {said}; a record has {field}, in {_BASES[ending]}: {_turned(size)} and rename it."
    return ""


def _turned(size: float) -> str:
    return f"multiply by {size:,.10g}" if size > 1 else f"divide by {round(1 / size):,}"
