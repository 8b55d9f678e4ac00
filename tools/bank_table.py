"""Print the frozen recipes of results/recipes/ as the Markdown table of the README: means over the seeds of the bank.

python -m tools.bank_table
"""

from __future__ import annotations

import pandas as pd

from greenai_core import units
from greenai_core.analysis.replicates import points
from greenai_core.store import records
from tools.bank import RECIPES, recipe

FIGURES = ("accuracy_val", "accuracy", "size_bytes", "energy_train_j", "energy_per_sample_j")


def rows(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return a row per recipe that the table holds; accuracies in percent, with the half-width of the 95 % interval."""
    return [_row(file.stem, table) for file in sorted(RECIPES.glob("*.json"))]


def _row(name: str, table: pd.DataFrame) -> dict[str, str]:
    specs = recipe(name)
    (point,) = points(table[table["spec_id"].isin([spec.spec_id for spec in specs])], FIGURES).to_dict("records")
    return {
        "recipe": name,
        "network": str(point["model"]),
        "stages": ", ".join(stage.name for stage in specs[0].recipe),
        "seeds": str(point["seeds"]),
        "validation %": _percent(point, "accuracy_val"),
        "test %": _percent(point, "accuracy"),
        "file": units.BYTES.text(point["size_bytes"]),
        "making it": units.ENERGY.text(point["energy_train_j"]),
        "per prediction": units.ENERGY.text(point["energy_per_sample_j"]),
    }


def _percent(point: dict[str, float], name: str) -> str:
    return f"{100 * point[name]:.2f} ± {100 * (point[f'{name}_high'] - point[name]):.2f}"


def main() -> None:
    """Print the table."""
    found = rows(records.table("bank"))
    print("| " + " | ".join(found[0]) + " |")
    print("|" + "---|" * len(found[0]))
    for row in found:
        print("| " + " | ".join(row.values()) + " |")


if __name__ == "__main__":
    main()
