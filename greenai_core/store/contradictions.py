"""Where a record's figures are not those of the stages and measurements within it.

Most figures follow from structures that stand in the very same record: they are the sum of its stages, or a copy of its
newest measurement. A spreadsheet shows the figures only, and it is there that somebody changes their unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from greenai_core.energy.carbon import JOULES_PER_KWH
from greenai_core.record import Record, StageRecord, with_teachers
from greenai_core.store import headings

ROUNDING = 0.05
"""A figure may differ by this share from what it follows from: it may have been rounded to two digits."""

SHORTFALL = 0.5
"""What a run spent is at least this share of what its own stages did, which it includes."""

SMALLEST_BYTES = 100
"""No file that holds a model is smaller."""

WEIGHTS_PER_BYTE = 64
"""No file holds more weights that are not zero in a byte: that would be an eighth of a bit for each."""

_COPIED = ("latency_ms", "throughput", "energy_per_sample_j", "energy_per_sample_b1_j")


class _Known(NamedTuple):
    """What the structures of a record say of one of its figures; None: nothing."""

    name: str
    value: float | None
    source: str


def found(record: Record) -> Iterator[str]:
    """Say of each figure that cannot be, beside the rest of the record, what speaks against it and what to do."""
    for known in _followed(record):
        yield from _other(record, known)
    for known in _included(record):
        yield from _short(record, known)
    yield from _too_small(record)


def _followed(record: Record) -> Iterator[_Known]:
    """Yield what figures are equal to."""
    if record.stages:
        parts = _once(record.stages)
        joules = [part.energy_j for part in parts if part.energy_j is not None]
        yield _Known("energy_train_j", sum(joules) if len(joules) == len(parts) else None, "its stages add up to")
        yield _Known("cpu_s", sum(part.cpu_s for part in parts), "its stages add up to")
        yield _Known("params", record.stages[-1].params, "its last stage left")
    if record.measurements:
        for name in _COPIED:
            yield _Known(name, getattr(record.measurements[-1], name), "its newest measurement says")
    g_per_kwh = (record.carbon_intensity or {}).get("g_per_kwh")
    if record.energy_train_j is not None and isinstance(g_per_kwh, int | float):
        grams = record.energy_train_j / JOULES_PER_KWH * g_per_kwh
        yield _Known("carbon_train_g", grams, "its training energy at its carbon_intensity comes to")


def _included(record: Record) -> Iterator[_Known]:
    """Yield what figures cannot fall far below.

    Of joules, only those of CPU time add up: a counter's have the idle power subtracted, and what is left between two
    stages may be less than nothing.
    """
    if record.status != "succeeded":
        return
    own = [part for part in _once(record.stages) if not part.cached and part.resumed is None]
    yield _Known("wall_s", sum(part.wall_s for part in own), "its stages alone took")
    if record.energy_spent_kind == "estimated":
        yield _Known("energy_spent_j", sum(part.energy_j or 0.0 for part in own), "its stages alone took")


def _once(stages: Sequence[StageRecord]) -> list[StageRecord]:
    """Return each stage, a teacher's included, once, as the costs of a model are added up."""
    return list({part.key: part for part in with_teachers(stages)}.values())


def _other(record: Record, known: _Known) -> Iterator[str]:
    stated, value = getattr(record, known.name), known.value
    if stated is None or value is None:
        return
    if _apart(stated, value):
        remedy = headings.remedy(known.name, lambda size: not _apart(stated * size, value))
        yield f"{known.name}: is {_text(stated)}, and {known.source} {_text(value)}{remedy}"


def _short(record: Record, known: _Known) -> Iterator[str]:
    stated, least = getattr(record, known.name), SHORTFALL * (known.value or 0.0)
    if stated is not None and stated < least:
        remedy = headings.remedy(known.name, lambda size: stated * size >= least)
        yield f"{known.name}: is {_text(stated)}, and {known.source} {_text(known.value)}{remedy}"


def _too_small(record: Record) -> Iterator[str]:
    weights = record.nonzero_params or 0
    stated, least = record.size_bytes, max(SMALLEST_BYTES, weights // WEIGHTS_PER_BYTE)
    if stated is not None and stated < least:
        remedy = headings.remedy("size_bytes", lambda size: stated * size >= least)
        held = f"{weights:,} weights that are not zero" if weights else "a model"
        yield f"size_bytes: is {_text(stated)}, too little for a file that holds {held}{remedy}"


def _apart(one: float, other: float) -> bool:
    return abs(one - other) > ROUNDING * max(abs(one), abs(other))


def _text(value: float | None) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
