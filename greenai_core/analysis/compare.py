"""Two or more runs beside each other; differences only where the figures may be compared."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from greenai_core import units
from greenai_core.analysis.figures import FACTS, FIGURES, SIGNS, Figure
from greenai_core.record import Record, StageRecord, with_teachers

UNLIKE = {
    "quality": "on other data",
    "training": "trained under other conditions",
    "inference": "measured under other conditions",
}
"""Why two values of a figure do not compare, by the key under which they would."""


def short_names(records: Sequence[Record]) -> dict[str, str]:
    """Return a short name per run_id: a letter and what was done."""
    named = {}
    for letter, record in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ" * len(records), records, strict=False):
        done = [stage["name"] for stage in record.recipe if stage["name"] not in ("train", "fine_tune")]
        named[record.run_id] = f"{letter}: {done[-1] if done else 'dense'}, {record.model}, seed {record.seed}"
    return named


def parts(record: Record) -> dict[str, StageRecord]:
    """Return by a short name all that making the model took: its stages, each followed by those of its teachers.

    What two stages share (the same teacher) appears once, so that costs add up to those of the record.
    """
    named: dict[str, StageRecord] = {}
    for place, stage in enumerate(record.stages, start=1):
        for number, part in enumerate(with_teachers([stage])):
            if all(part.key != known.key for known in named.values()):
                named[f"{place}.{number} teacher: {part.name}" if number else f"{place}. {part.name}"] = part
    return named


def flags(records: Sequence[Record]) -> list[str]:
    """Return what the energies of training are flagged with, each flag once; `greenai_core.wording.doubt` says why."""
    stages = [part for record in records for part in parts(record).values()]
    return list(dict.fromkeys(flag for stage in stages for flag in stage.window.get("quality", ())))


def kind_of(stage: StageRecord, record: Record) -> str | None:
    """Return how the energy of a stage was obtained, maybe by another run than `record`; None where it is unknown."""
    return None if stage.energy_j is None else stage.window.get("kind", record.energy_train_kind)


def kinds(records: Sequence[Record]) -> list[str]:
    """Return how the energies of all stages were obtained, each kind once."""
    found = [kind_of(part, record) for record in records for part in parts(record).values()]
    return list(dict.fromkeys(kind for kind in found if kind is not None))


def side_by_side(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row per figure and, per run, its value and how it differs from the first run, all as text.

    A difference is not written where the runs were not measured alike; the cell says so instead. Facts of a run, which
    depend on what was stored when it ran, have no difference at all.
    """
    names = short_names(records)
    rows = []
    for figure in (*FIGURES.values(), *FACTS.values()):
        if all(getattr(record, figure.column) is None for record in records):
            continue
        row = {"Figure": figure.title}
        for index, record in enumerate(records):
            row[names[record.run_id]] = _cell(figure, record) + (
                _difference(figure, records[0], record) if index and figure.column in FIGURES else ""
            )
        rows.append(row)
    return pd.DataFrame(rows, columns=["Figure", *names.values()])


def _cell(figure: Figure, record: Record) -> str:
    value = getattr(record, figure.column)
    kind = getattr(record, figure.kind_column) if figure.kind_column and value is not None else None
    return f"{figure.text(value)} {SIGNS[kind]}" if kind else figure.text(value)


def _difference(figure: Figure, first: Record, other: Record) -> str:
    reference, value = getattr(first, figure.column), getattr(other, figure.column)
    if reference is None or value is None:
        return ""
    if not _comparable(figure, first, other):
        return f" ({UNLIKE[figure.key or 'quality']})"
    if figure.quantity is units.FRACTION:
        return f" ({(value - reference) * 100:+.2f} points)"
    return f" ({units.change(value, reference)})"


def _comparable(figure: Figure, first: Record, other: Record) -> bool:
    if figure.kind_column and getattr(first, figure.kind_column) != getattr(other, figure.kind_column):
        return False
    if figure.key is None:
        return True
    keys = [getattr(record.comparability, figure.key, None) for record in (first, other)]
    return keys[0] is not None and keys[0] == keys[1]
