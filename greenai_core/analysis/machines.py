"""Which machines the figures of runs come from.

A comparability key stands for one processor and how it was used, so that one record that has the key tells it for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import pandas as pd

from greenai_core.analysis.figures import figure
from greenai_core.energy.machine import environment, machine_id
from greenai_core.errors import BadInput
from greenai_core.settings import settings
from greenai_core.store import records

KEYS: dict[str, tuple[str, ...]] = {
    "training": ("training_key",),
    "inference": ("inference_key",),
    "lifetime": ("training_key", "inference_key"),
}
"""The columns that stand for machines, by the comparability key of a figure."""

EVERY = KEYS["lifetime"]

_FACTS = ("processor_family", "cpu_model", "cores")
"""What of a machine decides whether its figures compare."""


def processors(runs: pd.DataFrame, columns: Iterable[str] = EVERY) -> list[str]:
    """Return the processors that stand behind columns of `EVERY`, each once.

    Args:
        runs: rows of a table of runs, or of points.
        columns: of making the models, of timing them, or both.
    """
    return list(dict.fromkeys(str(_processor(facts)) for facts in _environments(runs, columns)))


def measured_on(runs: pd.DataFrame, figures: Iterable[str]) -> str:
    """Say where the figures of some runs come from, for a footnote.

    Args:
        runs: rows of a table of runs.
        figures: names of the figures that are shown.
    """
    shown = [name for name in figures if name in runs and runs[name].notna().any()]
    columns = dict.fromkeys(column for name in shown for column in KEYS.get(figure(name).key or "", ()))
    names = processors(runs, columns)
    apart = "; energies and times of one do not compare with those of another" if len(names) > 1 else ""
    return f"{' and '.join(names)}{apart}"


def elsewhere(keys: Mapping[str, str], runs: pd.DataFrame) -> bool:
    """Tell whether runs that agree in `keys` compare with none that this machine makes, since it is another one.

    Args:
        keys: those of a `greenai_core.analysis.pareto.Front`.
        runs: rows of its table.
    """
    columns = EVERY if "lifetime_key" in keys else [column for column in EVERY if column in keys]
    return not all(map(_here, _environments(runs, columns)))


def columns_of(keys: Mapping[str, str]) -> list[str]:
    """Return the columns of `EVERY` in which runs that agree in `keys` do; all, where no machine is among the keys."""
    return [column for column in EVERY if column in keys] or list(EVERY)


def _environments(runs: pd.DataFrame, columns: Iterable[str]) -> list[Mapping[str, Any]]:
    found = []
    for column in columns:
        first = runs.drop_duplicates(column)
        found += [_known(column, *pair) for pair in zip(first[column], first["run_id"], strict=True)]
    return found


def _known(column: str, key: str, run_id: str) -> Mapping[str, Any]:
    try:
        return _environment(column, key, run_id)
    except BadInput:  # the record was deleted since the table was read
        return {}


@lru_cache(maxsize=256)
def _environment(column: str, key: str, run_id: str) -> Mapping[str, Any]:
    """Return the facts of the machine that a key stands for; do not change them, they are remembered."""
    record = records.load(run_id)
    timed = {each.inference_key: each.environment for each in record.measurements}
    return {**record.environment, **(timed.get(key, {}) if column == "inference_key" else {})}


def _processor(facts: Mapping[str, Any]) -> str:
    model, family = facts.get("cpu_model"), facts.get("processor_family")
    if not (model and family):
        return model or family or "unknown processor"
    generation = family.partition(" ")[2]  # virtual machines call several of them by one name
    return f"{model} ({generation})" if generation else model


def _here(facts: Mapping[str, Any]) -> bool:
    if facts.get("machine_id") == machine_id(settings().host_id):
        return True
    here = environment()
    return all(facts.get(name) == here[name] for name in _FACTS)
