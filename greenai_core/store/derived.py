"""What follows from a record and is asked for again and again: columns beside it, filled when it is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from greenai_core import registry
from greenai_core.spec import digest
from greenai_core.store.outlay import outlay

DERIVED = {
    "network": "text",
    "technique": "text",
    "techniques": "text",
    "sparsity": "float",
    "temperature": "float",
    "quality_key": "text",
    "training_key": "text",
    "inference_key": "text",
    "comparability_key": "text",
    "replicate_key": "text",
    "energy_per_sample_ci95_j": "float",
    "energy_per_sample_b1_ci95_j": "float",
}
"""Columns of a table of runs, and how each is stored. network: the model and what of it is unusual; technique: the
last stage that is not plain training, else "dense"; techniques: all stages; sparsity: the largest of any stage, 0.0 if
none; temperature: NaN where nothing is distilled; replicate_key: equal for runs that differ in the seed only; the last
two are half-widths of the intervals of the newest measurement."""

STORED = {**DERIVED, "outlay": "text"}
"""These, and what is no column of a table of runs: see `greenai_core.store.outlay`."""

COMPLETE = ("network", "replicate_key", "outlay")
"""Columns that no record lacks once they were derived."""

SOURCES = ("recipe", "spec", "comparability", "measurements")
"""The columns of a record that those of a table follow from, as JSON text."""

PLAIN_TRAINING = ("train", "fine_tune")
"""Stages that no technique is named after."""

_KEYS = ("quality", "training", "inference")


@lru_cache(maxsize=256)
def network(model: str) -> str:
    """Write a model, as JSON text, with the parameters that are not at their defaults: ``plain_cnn (channels 11)``."""
    given = json.loads(model)
    try:
        usual = registry.parse("models", {"name": given["name"]}).model_dump(mode="json")
    except ValueError:  # there is no such model any more, or it cannot be made without parameters
        usual = {"name": given["name"]}
    told = [f"{name} {value}" for name, value in given.items() if usual.get(name) != value]
    return f"{given['name']} ({', '.join(told)})" if told else str(given["name"])


def following(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the value of each column of `STORED` for a row that has those of `SOURCES`, and `stages`."""
    return {**derive(row), "outlay": outlay(row["stages"])}


def derive(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the value of each column of `DERIVED` for a row that has those of `SOURCES`."""
    recipe, spec = json.loads(row["recipe"]), json.loads(row["spec"])
    keys, measurements = (json.loads(row[name]) if row[name] else None for name in ("comparability", "measurements"))
    names = [stage["name"] for stage in recipe]
    techniques = [name for name in names if name not in PLAIN_TRAINING]
    newest = measurements[-1] if measurements else {}
    return {
        "network": network(json.dumps(spec["model"])),
        "technique": techniques[-1] if techniques else "dense",
        "techniques": " > ".join(names),
        "sparsity": float(max((stage.get("sparsity", 0.0) for stage in recipe), default=0.0)),
        "temperature": next((float(stage["temperature"]) for stage in recipe if "temperature" in stage), math.nan),
        **{f"{key}_key": keys[key] if keys else None for key in _KEYS},
        "comparability_key": digest(keys) if keys else None,
        "replicate_key": digest({name: value for name, value in spec.items() if name not in ("seed", "measurement")}),
        **{name: newest.get(name) for name in DERIVED if name.endswith("_ci95_j")},
    }
