"""Write docs/techniques.md from the docstrings of the catalogue and the records of the bank.

python -m tools.techniques_page
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd

from greenai_core import registry, units
from greenai_core.analysis.replicates import points
from greenai_core.settings import ROOT
from greenai_core.store import records
from greenai_core.store.specs import specs

PAGE = ROOT / "docs" / "techniques.md"
FIRST = "fashion_mnist"
"""The data set whose points come first."""
MOST = 8
"""Points of an entry that are shown, dense ones to compare with not counted; what is left out is said."""
SHOWN = {
    "accuracy_val": ("validation", units.FRACTION),
    "accuracy": ("test", units.FRACTION),
    "size_bytes": ("file", units.BYTES),
    "latency_ms": ("batch 1", units.MILLISECONDS),
    "energy_per_sample_j": ("per sample", units.ENERGY),
}
HEAD = """\
# Techniques and models

Written by `python -m tools.techniques_page` from the docstrings of the code and the records of the bank, which is what
"the bank" means in a sentence. Figures are means over seeds; after the sign ± comes half of the 95 % interval of that
mean, where there are several seeds. "Dense" is the same network on the same data set, only trained. A record's energies
are estimates from CPU time on the machine that the bank names: compare them with each other only. The bank has records
of two machines; in a table, each point follows the dense one of its own machine, where there is one.
"""


def page() -> str:
    """Return the whole page."""
    measured = told(records.table("bank"))
    parts = [HEAD]
    for kind, title in (("techniques", "Techniques"), ("models", "Models")):
        parts.append(f"## {title}\n")
        described = sorted(registry.catalog()[kind], key=itemgetter("family", "name"))
        for family, entries in groupby(described, key=itemgetter("family")):
            parts.append(f"### {family[0].upper()}{family[1:]}\n")
            parts += [_entry(kind, entry, measured) for entry in entries]
    return "\n".join(parts)


def told(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs as points, with `spec`, what one of a point's runs was asked to do; in the order of the tables."""
    found = points(runs, [*SHOWN])
    asked = specs(found["run_id"])
    found["spec"] = [asked[run_id] for run_id in found["run_id"]]
    found["later"] = found["dataset"] != FIRST
    found["in_order"] = found["network"].str.replace(r"\d+", lambda digits: digits[0].zfill(9), regex=True)
    return found.sort_values(["later", "dataset", "in_order", "techniques", "sparsity", "seeds"], ignore_index=True)


def _entry(kind: str, entry: dict[str, Any], measured: pd.DataFrame) -> str:
    lines = [f"#### {entry['title']} (`{entry['name']}`)\n", f"{_sentence(entry['summary'])}\n"]
    lines += [f"{entry['details']}\n"] if entry["details"] else []
    lines += [f"**Pays** {entry['pays']}\n"] if entry["pays"] else []
    fields = entry["parameters"].get("properties", {})
    if fields:
        lines.append(f"Parameters: {', '.join(f'`{name}`' for name in fields)}.\n")
    lines.append(f"Source: {entry['source']}\n")
    lines += list(table(kind, entry["name"], measured))
    return "\n".join(lines)


def table(kind: str, name: str, measured: pd.DataFrame) -> Iterator[str]:
    """Yield the table of an entry's points, each network's after its dense one, and lines on what is not in it.

    Args:
        kind: "techniques" or "models".
        name: of the entry.
        measured: as of `told`.
    """
    held = _holding(kind, name, measured)
    own = held[held["technique"] == "dense"] if kind == "models" else held[held["technique"] == name]
    if own.empty:  # plain training is no technique that a point is called after
        own = held[held["techniques"].str.split(" > ").str[-1] == name]
    if own.empty:
        return
    shown = own.head(MOST)
    rows, without = _beside_dense(shown, measured)
    yield f"| data set, model, recipe | seeds | {' | '.join(heading for heading, _ in SHOWN.values())} |"
    yield "|---" * (2 + len(SHOWN)) + "|"
    for what, point in zip(_labels(rows), rows.to_dict("records"), strict=True):
        yield f"| {what} | {point['seeds']} | {' | '.join(_figure(point, column) for column in SHOWN)} |"
    yield ""
    left = []
    if more := len(own) - len(shown):
        left.append(f"{more:,} like these, listed with their other techniques and networks")
    if others := len(held) - len(own):
        left.append(f"{others:,} to which another technique was applied, listed with that one")
    if left:
        yield f"Left out: {'; '.join(left)}.\n"
    if without:
        yield f"Without a dense point in the bank: {', '.join(without)}.\n"


def _holding(kind: str, name: str, measured: pd.DataFrame) -> pd.DataFrame:
    """Return the points of a model, or of recipes that have a technique as a stage."""
    if kind == "models":
        return measured[measured["model"] == name]
    return measured[[name in recipe.split(" > ") for recipe in measured["techniques"]]]


def _beside_dense(shown: pd.DataFrame, measured: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Put the dense point of each network before its points; also name the networks of which there is none.

    Points that were measured on another machine follow the dense point of that machine, where there is one.
    """
    rows: list[pd.DataFrame] = []
    without: dict[str, None] = {}
    dense = measured[measured["technique"] == "dense"]
    for (dataset, network, machine), group in shown.groupby(
        ["dataset", "network", "inference_key"], sort=False, dropna=False
    ):
        plain = dense[(dense["dataset"] == dataset) & (dense["network"] == network)]
        alike = plain[plain["inference_key"] == machine]
        found = (plain if alike.empty else alike).sort_values("seeds", ascending=False, kind="stable").head(1)
        if found.empty:
            without[f"{network} on {dataset}"] = None
        told = {key for part in [*rows, group] for key in part["replicate_key"]}
        rows += [found[~found["replicate_key"].isin(told)], group]
    return pd.concat(rows), list(without)


def _labels(rows: pd.DataFrame) -> list[str]:
    """Say what each row is of; where rows would read alike, with every field in which their specs differ."""
    labels = [_label(row) for row in rows.to_dict("records")]
    asked = [_fields({name: spec[name] for name in ("dataset", "model", "recipe")}) for spec in rows["spec"]]
    told = []
    for label, own in zip(labels, asked, strict=True):
        alike = [fields for fields, other in zip(asked, labels, strict=True) if other == label]
        differing = [path for path in own if any(fields.get(path) != own[path] for fields in alike)]
        told.append(", ".join([label, *(f"{_words(path)} {_value(own[path])}" for path in differing)]))
    return told


def _label(point: Mapping[str, Any]) -> str:
    dense = " (dense)" if point["technique"] == "dense" else ""
    sparsity = f", sparsity {point['sparsity']:g}" if point["sparsity"] else ""
    return f"{point['dataset']}, {point['network']}, {point['techniques']}{dense}{sparsity}"


def _fields(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every field of a spec by where it is; an entry is told by its place and its name."""
    if isinstance(value, Mapping) and value:
        own = (*path, value["name"]) if "name" in value else path
        return {k: v for name, each in value.items() for k, v in _fields(each, (*own, name)).items()}
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return {k: v for place, each in enumerate(value) for k, v in _fields(each, (*path, str(place))).items()}
    return {path: value}


def _words(path: Sequence[str]) -> str:
    """Say where a field is, in the names of entries and fields: ``distill teacher train epochs``."""
    return " ".join(part for part in path if not part.isdecimal() and part not in ("dataset", "model", "recipe"))


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figure(point: Mapping[str, Any], column: str) -> str:
    """Write a figure; of several seeds, with half of the interval of the mean, in the mean's unit and places."""
    _, quantity = SHOWN[column]
    mean = point[column]
    half = max(point[f"{column}_high"] - mean, mean - point[f"{column}_low"])
    text = quantity.text(mean)
    if point["seeds"] < 2 or not half > 0:
        return text
    digits, _, unit = text.partition(" ")
    places = len(digits.partition(".")[2])
    return f"{digits} ± {half / quantity.unit_for(mean).size:.{places}f} {unit}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
