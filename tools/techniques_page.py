"""Write docs/techniques.md from the docstrings of the catalogue and the records of the bank.

python -m tools.techniques_page
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd

from greenai_core import registry, units
from greenai_core.settings import ROOT
from greenai_core.store import records

PAGE = ROOT / "docs" / "techniques.md"
MEASURED_ON = "fashion_mnist"
SHOWN = {
    "accuracy_val": ("validation", units.FRACTION),
    "accuracy": ("test", units.FRACTION),
    "size_bytes": ("file", units.BYTES),
    "latency_ms": ("batch 1", units.MILLISECONDS),
    "energy_per_sample_j": ("per sample", units.ENERGY),
}
HEAD = """\
# Techniques and models

Written by `python -m tools.techniques_page` from the docstrings of the code and the records of the bank. Measured
points are means over seeds on Fashion-MNIST; where a network is measured on digits only, its point says so. A record's
energies are estimates from CPU time on the machine that the bank names: compare them with each other only.
"""


def page() -> str:
    """Return the whole page."""
    bank = records.table("bank")
    parts = [HEAD]
    for kind, title in (("techniques", "Techniques"), ("models", "Models")):
        parts.append(f"## {title}\n")
        described = sorted(registry.catalog()[kind], key=itemgetter("family", "name"))
        for family, entries in groupby(described, key=itemgetter("family")):
            parts.append(f"### {family[0].upper()}{family[1:]}\n")
            parts += [_entry(kind, entry, bank) for entry in entries]
    return "\n".join(parts)


def _entry(kind: str, entry: dict[str, Any], bank: pd.DataFrame) -> str:
    lines = [f"#### {entry['title']} (`{entry['name']}`)\n", f"{_sentence(entry['summary'])}\n"]
    lines += [f"{entry['details']}\n"] if entry["details"] else []
    fields = entry["parameters"].get("properties", {})
    if fields:
        lines.append(f"Parameters: {', '.join(f'`{name}`' for name in fields)}.\n")
    lines.append(f"Source: {entry['source']}\n")
    lines += list(_measured(kind, entry["name"], bank))
    return "\n".join(lines)


def _measured(kind: str, name: str, bank: pd.DataFrame) -> Iterator[str]:
    """Yield a table of the bank's points of an entry: those on Fashion-MNIST, or those there are."""
    if kind == "models":
        own = bank[(bank["model"] == name) & (bank["technique"] == "dense")]
    else:
        own = bank[[name in recipe.split(" > ") for recipe in bank["techniques"]]]
        named = own[own["technique"] == name]
        own = own if named.empty else named
    there = own[own["dataset"] == MEASURED_ON]
    chosen = own if there.empty else there
    if chosen.empty:
        return
    yield f"| data set, model, recipe | seeds | {' | '.join(heading for heading, _ in SHOWN.values())} |"
    yield "|---" * (2 + len(SHOWN)) + "|"
    for _, runs in list(chosen.groupby("replicate_key", sort=False))[:4]:
        first = runs.iloc[0]
        figures = [unit.text(runs[column].mean()) for column, (_, unit) in SHOWN.items()]
        what = f"{first['dataset']}, {first['model']}, {first['techniques']}"
        what += f", sparsity {first['sparsity']:g}" if first["sparsity"] else ""
        yield f"| {what} | {len(runs)} | {' | '.join(figures)} |"
    yield ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
