"""Two or more runs beside each other; differences only where the figures may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

import pandas as pd

from greenai_core.analysis import differences, grids
from greenai_core.analysis.differences import BASES, Difference
from greenai_core.analysis.figures import FACTS, FIGURES, SIGNS, Figure
from greenai_core.record import Record, StageRecord, with_teachers

UNLIKE = {
    "quality": "on other data",
    "training": "trained under other conditions",
    "inference": "measured under other conditions",
}
"""Why two values of a figure do not compare, by the key under which they would."""

Told = Mapping[str, Mapping[str, Difference | str]]
"""Per run_id and figure how the run differs from the first one, or why that cannot be told."""


def short_names(records: Sequence[Record]) -> dict[str, str]:
    """Return a short name per run_id: a letter and what was done."""
    named = {}
    for place, record in enumerate(records):
        done = [stage["name"] for stage in record.recipe if stage["name"] not in ("train", "fine_tune")]
        named[record.run_id] = f"{letter(place)}: {done[-1] if done else 'dense'}, {record.model}, seed {record.seed}"
    return named


def letter(place: int) -> str:
    """Return what the run at a place, 0 being the first, is called where there is little room: A, B, ..., Z, A2, B2."""
    again, index = divmod(place, len(ascii_uppercase))
    return f"{ascii_uppercase[index]}{again + 1 if again else ''}"


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


def against_first(records: Sequence[Record], runs: pd.DataFrame | None = None) -> Told:
    """Return how each run but the first differs from it, in every figure that both have.

    Args:
        records: runs, the first of which the others are held against.
        runs: as of `greenai_core.store.records.table`, where replicates are looked for; None: nowhere.
    """
    return {other.run_id: _against(records[0], other, runs) for other in records[1:]}


def side_by_side(records: Sequence[Record], told: Told | None = None) -> pd.DataFrame:
    """Return a row per figure: under the letter of each run its value, then how it differs from the first, all as text.

    A difference is not written where the runs were not measured alike; the cell says so instead. Facts of a run, which
    depend on what was stored when it ran, have no difference at all.

    Args:
        records: runs.
        told: as of `against_first`; None: of the runs alone, without their replicates.
    """
    told = against_first(records) if told is None else told
    rows = []
    for figure in (*FIGURES.values(), *FACTS.values()):
        if all(getattr(record, figure.column) is None for record in records):
            continue
        row = {"Figure": figure.title}
        for place, record in enumerate(records):
            row[letter(place)] = _cell(figure, record)
            if place:
                difference = told[record.run_id].get(figure.column, "")
                against = f"{letter(place)} against {letter(0)}"
                row[against] = difference.text if isinstance(difference, Difference) else difference
        rows.append(row)
    return pd.DataFrame(rows)


def verdicts(records: Sequence[Record], told: Told) -> list[str]:
    """Return a sentence per run on the figures in which it cannot be told from the first, as intervals include 0."""
    said = []
    for place, record in enumerate(records):
        same = [FIGURES[name].title for name, found in told.get(record.run_id, {}).items() if _undecided(found)]
        if same:
            said.append(f"{letter(place)} against A, no difference that these runs can tell: {', '.join(same)}.")
    return said


def bases(told: Told) -> list[str]:
    """Return what the intervals of some differences mean, each sentence once."""
    used = {found.basis for run in told.values() for found in run.values() if isinstance(found, Difference)}
    said = [sentence for basis, sentence in BASES.items() if basis in used]
    return ["In brackets are 95 % intervals.", *said] if said else []


def comparable(figure: Figure, first: Record, other: Record) -> bool:
    """Tell whether two runs may be held against each other in a figure."""
    if figure.kind_column and getattr(first, figure.kind_column) != getattr(other, figure.kind_column):
        return False
    if figure.grid_column and grids.of(first) != grids.of(other):
        return False
    if figure.key is None:
        return True
    keys = [getattr(record.comparability, figure.key, None) for record in (first, other)]
    return keys[0] is not None and keys[0] == keys[1]


def _against(first: Record, other: Record, runs: pd.DataFrame | None) -> dict[str, Difference | str]:
    over_seeds = {} if runs is None else differences.over_seeds(runs, first, other)
    told: dict[str, Difference | str] = {}
    for name, figure in FIGURES.items():
        if getattr(first, name) is None or getattr(other, name) is None:
            continue
        if not comparable(figure, first, other):
            told[name] = UNLIKE[figure.key or "quality"]
        else:
            told[name] = over_seeds.get(name) or differences.of_runs(figure, first, other)
    return told


def _undecided(found: Difference | str) -> bool:
    return isinstance(found, Difference) and found.undecided


def _cell(figure: Figure, record: Record) -> str:
    value = getattr(record, figure.column)
    kind = getattr(record, figure.kind_column) if figure.kind_column and value is not None else None
    return f"{figure.text(value)} {SIGNS[kind]}" if kind else figure.text(value)
