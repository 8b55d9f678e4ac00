"""A store with very many records: those of the shipped bank, each with a recipe and figures of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa

from greenai_core.store import bank
from greenai_core.store.database import writing
from greenai_core.store.derived import following
from greenai_core.store.schema import meta, run, to_json

DATASET = "digits"
SEEDS = (0, 1, 2, 3, 4, 0)
"""Of six records that follow each other: five of one recipe, then one whose recipe has no other."""

AT_ONCE = 5_000
SPREAD = ("size_bytes", "macs", "energy_train_j", "energy_per_sample_j", "energy_per_sample_b1_j", "latency_ms")


def fill(count: int) -> None:
    """Store `count` records in the store that the settings name; the bank must hold some on digits."""
    usable = [row for row in bank.rows() if row["dataset"] == DATASET and row["macs"] is not None]
    alike = [row for row in usable if row["comparability"] == usable[0]["comparability"]]
    with writing() as connection:
        rows = _rows(alike, count)
        while some := list(islice(rows, AT_ONCE)):
            connection.execute(run.insert(), some)
        connection.execute(meta.delete().where(meta.c.name == "runs_version"))
        connection.execute(sa.insert(meta).values(name="runs_version", value=f"{count} records"))


def _rows(patterns: Sequence[Mapping[Any, Any]], count: int) -> Iterator[dict[str, Any]]:
    chance = np.random.default_rng(0)
    known = [following(row) for row in patterns]
    for number in range(count):
        block, place = divmod(number, len(SEEDS))
        recipe = 2 * block + (place == len(SEEDS) - 1)
        which = recipe % len(patterns)
        if place in (0, len(SEEDS) - 1):
            scale, loss = np.exp(chance.normal(0.0, 0.7)), abs(chance.normal(0.0, 0.03))
        row = dict(patterns[which])
        spec = json.loads(row["spec"]) | {"seed": SEEDS[place]}
        spec["recipe"][0]["weight_decay"] = round(1e-9 * recipe, 10)
        accuracy = float(np.clip(row["accuracy_val"] - loss + chance.normal(0.0, 0.003), 0.0, 1.0))
        row |= {name: type(row[name])(row[name] * scale * chance.normal(1.0, 0.02)) for name in SPREAD}
        row |= {
            "run_id": f"{number:08x}",
            "spec_id": f"spec-{number}",
            "seed": SEEDS[place],
            "spec": to_json(spec),
            "recipe": to_json(spec["recipe"]),
            "accuracy_val": accuracy,
            "accuracy": max(0.0, accuracy - 0.005),
        }
        yield row | known[which] | {"replicate_key": f"recipe-{recipe}"}
