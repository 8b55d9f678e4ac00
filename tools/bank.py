"""Measure the records that the repository ships in results/bank/.

    python -m tools.bank digits
    GREENAI_DATA_DIR=... python -m tools.bank fashion_mnist

Every recipe runs on every seed in profile `full`, in a store of its own below results/, so that an interrupted
measurement goes on where it stopped; then the records are written to results/bank/DATASET.parquet. Run it on a machine
with nothing else to do: latencies are wall time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from greenai_core.quiet_waiting import wait_quietly
from greenai_core.settings import ROOT, settings
from greenai_core.spec import Spec, check
from greenai_core.store import answers, exchange, records

DATASETS = ("digits", "fashion_mnist")
SEEDS = (0, 1, 2)
SPARSITIES = (0.6, 0.8, 0.95)
TEMPERATURE, ALPHA = 4.0, 0.9

Stage = dict[str, Any]


def recipes(dataset: str) -> Iterator[tuple[str, list[Stage]]]:
    """Yield (model, recipe): dense, pruned by channels and by weights, taught and untaught."""
    epochs = 5
    train: Stage = {"name": "train", "epochs": epochs}
    tune: Stage = {"name": "fine_tune", "epochs": 3 if dataset == "digits" else 2}
    yield "mnist_cnn", [train]
    for sparsity in SPARSITIES:
        yield "mnist_cnn", [train, {"name": "l1_channel_pruning", "sparsity": sparsity}, tune]
    yield "mnist_cnn", [train, {"name": "magnitude_pruning", "sparsity": 0.9}, tune]
    student: Stage = {"name": "train", "epochs": 2 * epochs}
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [train]}
    distill: Stage = {"temperature": TEMPERATURE, "alpha": ALPHA, "teacher": teacher, "epochs": 2 * epochs}
    yield "mlp_student", [student]
    yield "mlp_student", [{"name": "distill", **distill}]
    if dataset == "digits":
        yield "mobilenet_v3_small", [{"name": "train", "epochs": 10}]


def specs(dataset: str) -> list[Spec]:
    """Return what the bank of one data set holds, seed by seed."""
    return [
        check(
            {
                "dataset": {"name": dataset},
                "model": {"name": model},
                "recipe": recipe,
                "seed": seed,
                "measurement": {"profile": "full"},
            }
        )
        for seed in SEEDS
        for model, recipe in recipes(dataset)
    ]


def main() -> None:
    """Run what is missing and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    dataset: str = parser.parse_args().dataset
    folder = ROOT / "results" / f"bank-{dataset}"
    folder.mkdir(parents=True, exist_ok=True)
    wait_quietly()
    os.environ["GREENAI_DATABASE_URL"] = f"sqlite:///{folder / 'bank.db'}"
    os.environ["GREENAI_ARTIFACTS"] = str(folder / "artifacts")
    from greenai_core import preload, run

    preload.everything()  # else the first stage would pay for imports

    wanted = specs(dataset)
    for number, spec in enumerate(wanted, start=1):
        if answers.record(spec) is None:
            record = run.execute(spec)
            records.save(record)
            stages = " > ".join(stage["name"] for stage in record.recipe)
            sys.stderr.write(
                f"{number}/{len(wanted)} {record.model}: {stages}, seed {record.seed}: "
                f"accuracy_val {record.accuracy_val:.4f}, {record.size_bytes} bytes\n"
            )
    exchange.export(settings().bank / f"{dataset}.parquet", "parquet", "own")


if __name__ == "__main__":
    main()
