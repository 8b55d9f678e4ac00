"""The published tables beside our own figures, and the CPU-seconds of making the four networks of the pruning table.

Ours are the recipes of results/recipes/, chosen on validation with other seeds; their records, one per seed, are in the
bank (`python -m tools.bank fashion_mnist` makes them). The accuracy is that of the test split, mean over the seeds and
95 % interval of the mean (Student's t). KB are 1024 bytes: of the saved file where others printed them, ours are those
of the deployed file.

The CPU-seconds are taken here, both in one run and in turn, seed by seed, with the recipes and seeds of the table:
others trained for ten epochs, cut, and trained each of the three cut networks for ten more, in the loop of the
tutorials (`benchmarks._textbook`) and a process of its own (`benchmarks._published`); ours are whole runs, validating
and testing included. Both read the data.

    GREENAI_DATA_DIR=... python -m benchmarks.published_tables [--quick] [--seeds N] [--format table|json]

`--seeds` takes the first N seeds only for the CPU-seconds; `--quick` one, and every stage for one epoch, where what a
run costs besides training weighs most: its ratio shows that both ways work, not the claim.
"""

from __future__ import annotations

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # as in every worker; torch reads the environment when it is imported

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from benchmarks._report import arguments, emit
from greenai_core import run
from greenai_core.analysis.replicates import points
from greenai_core.spec import Spec, check
from greenai_core.store import records, reference
from tools.bank import recipe

PUBLISHED_EPOCHS = 10


@dataclass(frozen=True)
class Row:
    """A recipe, the published row that it stands beside, and what is claimed.

    Attributes:
        recipe: name of its file.
        label: of the published row; empty where nobody printed one.
        least: claimed test accuracy, percent, mean over the seeds; None: it is only shown.
        most_kb: claimed size of the file.
    """

    recipe: str
    label: str
    least: float | None
    most_kb: float | None = None


PRUNED = (
    Row("dense", "Dense", 93.0),
    Row("channels_60", "L1 channels 0.6", 92.8),
    Row("channels_80", "L1 channels 0.8", 92.3),
    Row("channels_95", "L1 channels 0.95", 91.2),
)
"""The four networks of the pruning table."""

ROWS = (
    *PRUNED,
    Row("student_alone", "Student without distillation", None),
    Row("student_distilled", "Student with distillation", 89.8),
    Row("front_300_kb", "L1 channels 0.95", 93.2, 300),
    Row("front_100_kb", "", 92.8, 100),
    Row("front_40_kb", "", 92.0, 40),
    Row("front_20_kb", "", 90.3, 20),
)


def line(row: Row, bank: pd.DataFrame, published: pd.DataFrame) -> dict[str, Any]:
    """Return one line of the table; what the bank lacks is missing."""
    specs = recipe(row.recipe)
    own = bank[bank["spec_id"].isin([spec.spec_id for spec in specs])]
    printed = published[published["label"] == row.label]
    shown: dict[str, Any] = {
        "recipe": row.recipe,
        "network": specs[0].model.name,
        "published_percent": printed["accuracy_test_percent"].mean(),
        "published_kb": printed["size_kb"].mean(),
    }
    if own["seed"].nunique() < len(specs):
        return shown | {"claim": "not measured yet"}
    (ours,) = points(own, ["accuracy", "size_bytes"]).to_dict("records")
    percent, kilobytes = 100 * ours["accuracy"], own["size_bytes"].max() / 1024
    kept = (row.least is None or percent >= row.least) and (row.most_kb is None or kilobytes <= row.most_kb)
    return shown | {
        "ours_percent": round(percent, 2),
        "plus_minus": round(100 * (ours["accuracy_high"] - ours["accuracy"]), 2),
        "seeds": len(specs),
        "ours_kb": round(kilobytes, 1),
        "params": int(own["params"].max()),
        "claim": _claim(row, kept),
    }


def _claim(row: Row, kept: bool) -> str:
    bounds = [f"at least {row.least:g} %"] if row.least else []
    bounds += [f"at most {row.most_kb:g} KB"] if row.most_kb else []
    return f"{', '.join(bounds)}: {'reached' if kept else 'NOT reached'}" if bounds else ""


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU-seconds of this process and of what it started that a call took."""
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def as_published(specs: Sequence[Spec], epochs: int) -> float:
    """Return the CPU-seconds of making the cut networks as others did."""
    command = [sys.executable, "-m", "benchmarks._published", str(epochs)]
    documents = json.dumps([spec.model_dump(mode="json") for spec in specs])
    return float(subprocess.run(command, input=documents, stdout=subprocess.PIPE, check=True, text=True).stdout)


def shortened(document: Any) -> Any:
    """Return a spec in JSON form, teachers included, whose stages train for one epoch."""
    if isinstance(document, list):
        return [shortened(part) for part in document]
    if isinstance(document, dict):
        return {name: 1 if name == "epochs" else shortened(part) for name, part in document.items()}
    return document


def empty_store(folder: Path) -> dict[str, str]:
    """Return the settings of a store in which nothing is kept yet."""
    return {
        "GREENAI_DATABASE_URL": f"sqlite:///{folder / 'greenai.db'}",
        "GREENAI_ARTIFACTS": str(folder / "artifacts"),
    }


def race(specs: Sequence[Spec], quick: bool) -> dict[str, Any]:
    """Make the four networks of one seed in both ways, ours in a store that holds nothing."""
    timed = [spec.model_dump(mode="json") | {"measurement": {"profile": "none"}} for spec in specs]
    ours = [check(shortened(spec) if quick else spec) for spec in timed]
    seed, epochs = ours[0].seed, 1 if quick else PUBLISHED_EPOCHS
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, empty_store(Path(folder))):
        published_cpu_s = as_published(ours, epochs)
        our_cpu_s = cpu_seconds(lambda: [run.execute(spec) for spec in ours])
    share = our_cpu_s / published_cpu_s
    sys.stderr.write(f"seed {seed}: {our_cpu_s:.0f} of {published_cpu_s:.0f} CPU-seconds, {share:.3f}\n")
    return {"seed": seed, "published_cpu_s": published_cpu_s, "our_cpu_s": our_cpu_s, "share": share}


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__, seeds="how many seeds to take the CPU-seconds of")
    bank, published = records.table("bank"), reference.published()
    lines = [line(row, bank, published) for row in ROWS]
    by_seed = list(zip(*(recipe(row.recipe) for row in PRUNED), strict=True))
    chosen = by_seed[: 1 if options.quick else int(options.seeds or len(by_seed))]
    races = [race(specs, options.quick) for specs in chosen]
    share = f"CPU-seconds of the four networks, ours / published, median of {len(races)} seeds (claim: at most 0.333)"
    emit(
        options,
        lines,
        ratios={share: statistics.median(found["share"] for found in races)},
        figures={
            f"seed {found['seed']}: {name}": found[name] for found in races for name in ("published_cpu_s", "our_cpu_s")
        },
    )


if __name__ == "__main__":
    main()
