"""What a record from elsewhere must be before it is stored here.

What this program measured is never asked, nor what is stored already: a stored record stays readable. A file, though,
may have passed through a spreadsheet: figures in other units, or that contradict one another, would win fronts they
have no place on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from greenai_core.errors import BadInput
from greenai_core.record import Record, StageRecord, utc, with_teachers
from greenai_core.spec import Spec, check, sentence
from greenai_core.store import contradictions, headings
from greenai_core.store.json_stream import no_numbers
from greenai_core.store.schema import RUN_COLUMNS

ROUNDING = 0.005
"""An accuracy may differ from its confusion matrix by so much: it may have been rounded to whole per cent."""

_FRACTIONS = ("accuracy", "accuracy_val", "accuracy_train", "f1_macro")
_COUNTED = ("params", "nonzero_params", "macs", "size_bytes", "latency_ms", "throughput")
_SPENT = (*(name for name in Record.model_fields if name.endswith("_j")), "carbon_train_g", "cpu_s", "wall_s")
_KINDS = {
    "energy_train_j": "energy_train_kind",
    "energy_per_sample_j": "energy_inference_kind",
    "energy_per_sample_b1_j": "energy_inference_kind",
}
_LONGEST = 300
"""A refused value is shown in so many characters, no more."""

_FIGURES = tuple(name for name, kind in RUN_COLUMNS.items() if kind in ("int", "float"))
_STRUCTURES = {name for name, kind in RUN_COLUMNS.items() if kind == "json"}
_NO_NUMBERS = ("nan", "inf", "infinity", "na", "n/a", "null", "none")


def admitted(name: str, number: int, form: Mapping[str, Any], *, table: bool) -> Record:
    """Check the JSON form of a record and build it.

    Args:
        name: of the file; a sentence begins with it.
        number: of the record in the file, from 1 on.
        form: what the file says; None is unknown.
        table: the file has columns, so that names are a matter of all its records.

    Raises:
        BadInput: the record is of a newer schema, or lacks, misstates or contradicts something; the sentence names the
            field.
    """
    place = f"{name}: record {number}"
    _not_newer(place, form.get("schema_version"))
    headings.check(name if table else place, form.keys(), table=table)
    known = headings.filled(place, form)
    for problem in _not_finite(known, table):
        raise BadInput(f"{place}: {problem}")
    try:
        record = Record.model_validate(known)
    except ValidationError as error:
        raise BadInput(f"{place}: {_shortened(sentence(error))}.") from None
    at = f"{place} ({_shortened(record.run_id)})"
    try:
        spec = _spec(json.dumps(record.spec))
    except BadInput as error:
        raise BadInput(f"{at}: spec: {error}") from None
    for problem in (*_disagreements(record, spec), *_doubts(record), *contradictions.found(record)):
        raise BadInput(f"{at}: {problem}")
    return record


def _not_newer(place: str, stated: Any) -> None:
    newest = Record.model_fields["schema_version"].default
    try:
        found = int(stated)
    except (TypeError, ValueError, OverflowError):
        return  # said below, as that of any other field
    if found > newest:
        raise BadInput(
            f"{place}: was written by a newer version (schema_version {found}, this one knows {newest}); update the "
            "Green AI Explorer."
        )


def no_number(record: Record) -> str:
    """Say which figure within a record's structures is no number, and so cannot be written as JSON."""
    return next(no_numbers(record.model_dump(mode="json", include=_STRUCTURES)))


def _not_finite(form: Mapping[str, Any], table: bool) -> Iterator[str]:
    """Say of each figure that is no number what unknown is written as."""
    for name in _FIGURES:
        value = form.get(name)
        if isinstance(value, str) and value.strip().lstrip("+-").lower() in _NO_NUMBERS:
            yield f"{name}: {value!r} is no number; what is unknown is {'an empty cell' if table else 'null'}."
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{name}: {value} is no number; what is unknown is {'an empty cell' if table else 'null'}."


@lru_cache(maxsize=256)
def _spec(text: str) -> Spec:
    """Check a spec; replicates and exports of a sweep repeat it."""
    return check(json.loads(text))


def _disagreements(record: Record, spec: Spec) -> Iterator[str]:
    """Say where a record is not the one of its spec: it would answer for another run."""
    said = {"dataset": spec.dataset.name, "model": spec.model.name, "seed": spec.seed, "spec_id": spec.spec_id}
    for name, wanted in said.items():
        if getattr(record, name) != wanted:
            yield f"{name}: is {getattr(record, name)!r}, and that of its spec is {wanted!r}; correct one of them."
    if [*record.recipe] != record.spec["recipe"]:
        yield "recipe: is not that of its spec; correct one of them."


def _doubts(record: Record) -> Iterator[str]:
    """Say what of a record's figures cannot be."""
    for name in _FRACTIONS:
        yield from _outside(name, getattr(record, name))
    for name in _COUNTED:
        value = getattr(record, name)
        if value is not None and value <= 0:
            yield f"{name}: is {value}, which no model has; what is unknown is null or an empty cell, never 0."
    for name in _SPENT if record.status == "succeeded" else ():  # what was cut short may end below its idle power
        value = getattr(record, name)
        if value is not None and value < 0:
            yield f"{name}: is {value:g}, and nothing costs less than nothing; correct it or leave it empty."
    for name, kind in _KINDS.items():
        if getattr(record, name) is not None and getattr(record, kind) is None:
            yield f"{kind}: is required beside {name}: measured, apportioned or estimated."
    yield from _fewer("", record)
    for path, stage in _staged(record):
        yield from _outside(f"{path}.accuracy_val", stage.accuracy_val)
        yield from _fewer(f"{path}.", stage)
    yield from _miscounted(record)
    try:
        utc(record.created_at)
    except BadInput as error:
        yield str(error)


def _outside(name: str, value: float | None) -> Iterator[str]:
    if value is not None and not 0 <= value <= 1:
        percent = " Is it in per cent? Then divide by 100." if 1 < value <= 100 else ""
        yield f"{name}: is {value:g}, and ought to lie in [0, 1].{percent}"


def _fewer(path: str, counted: Record | StageRecord) -> Iterator[str]:
    params, nonzero = counted.params, counted.nonzero_params
    if params is not None and nonzero is not None and nonzero > params:
        yield f"{path}nonzero_params: is {nonzero:,}, more than the {params:,} of {path}params; are the two swapped?"


def _staged(record: Record) -> Iterator[tuple[str, StageRecord]]:
    for number, stage in enumerate(record.stages):
        for part in with_teachers([stage]):
            yield f"stages.{number}" if part is stage else f"stages.{number}.teacher", part


def _miscounted(record: Record) -> Iterator[str]:
    """Say where an accuracy is not that of its confusion matrix."""
    if record.confusion is None or record.accuracy is None:
        return
    if any(len(row) != len(record.confusion) or min(row) < 0 for row in record.confusion):
        yield "confusion: has to be a square of counts, a row per true class and a column per predicted one."
        return
    images = sum(map(sum, record.confusion))
    right = sum(row[place] for place, row in enumerate(record.confusion))
    if abs(right - record.accuracy * images) > ROUNDING * images + 1e-9:
        yield (
            f"accuracy: is {record.accuracy:.4g}, and its confusion matrix says {right:,} of {images:,} are right; "
            "correct one of them."
        )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
