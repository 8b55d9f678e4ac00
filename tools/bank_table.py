"""Print the bank as the Markdown tables of the README: means over the seeds.

python -m tools.bank_table
"""

from __future__ import annotations

import pandas as pd

from greenai_core import units
from greenai_core.store import records, reference

SAME = ["dataset", "model", "technique", "sparsity"]


def rows(table: pd.DataFrame, published: pd.DataFrame) -> list[dict[str, str]]:
    """Return a row per recipe; accuracies in percent, mean and standard deviation over the seeds."""
    found = []
    for (dataset, model, technique, sparsity), runs in table.groupby(SAME, sort=False):
        same = published[
            (published["dataset"] == dataset)
            & (published["model"] == model)
            & (published["technique"] == technique)
            & (published["sparsity"].fillna(0.0) == sparsity)
        ]
        found.append(
            {
                "data set": dataset,
                "model": model,
                "technique": f"{technique} {sparsity:g}" if sparsity else technique,
                "seeds": str(len(runs)),
                "validation %": _percent(runs["accuracy_val"]),
                "test %": _percent(runs["accuracy"]),
                "published test %": ", ".join(f"{value:.2f}" for value in same["accuracy_test_percent"]),
                "file": units.BYTES.text(runs["size_bytes"].mean()),
                "training": units.ENERGY.text(runs["energy_train_j"].mean()),
                "per sample": units.ENERGY.text(runs["energy_per_sample_j"].mean()),
            }
        )
    return found


def _percent(shares: pd.Series) -> str:
    return f"{100 * shares.mean():.2f} ± {100 * shares.std():.2f}"


def main() -> None:
    """Print the tables."""
    table = records.table("bank").sort_values(["dataset", "model", "technique", "sparsity"], ascending=[0, 0, 1, 1])
    found = rows(table, reference.published())
    print("| " + " | ".join(found[0]) + " |")
    print("|" + "---|" * len(found[0]))
    for row in found:
        print("| " + " | ".join(row.values()) + " |")


if __name__ == "__main__":
    main()
