"""Work out the intervals of the shipped records again, from the windows that they hold.

    python -m tools.bank_intervals

Measures nothing: joules, latencies and windows stay as they were measured. For use after `greenai_core.energy.interval`
has changed, so that the bank and new runs state their certainty alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from greenai_core.energy.benchmark import CI_LIMIT
from greenai_core.energy.interval import interval
from greenai_core.record import InferenceMeasurement, Record
from greenai_core.settings import settings
from greenai_core.store import exchange, records
from greenai_core.store.rows import from_row, plain


def renewed(record: Record) -> Record:
    """Return a record with every measurement's intervals as they would be stated now."""
    return record.model_copy(update={"measurements": tuple(map(_renewed, record.measurements))})


def _renewed(measured: InferenceMeasurement) -> InferenceMeasurement:
    single, batched = (_of_batch(measured, batch) for batch in (1, measured.throughput_batch))
    wide = any(_is_wide(windows) for windows in (single, batched))
    flags = [flag for flag in measured.quality if flag != "high_cv"]
    return measured.model_copy(
        update={
            "energy_per_sample_b1_ci95_j": _half_width(single),
            "energy_per_sample_ci95_j": _half_width(batched),
            "quality": (*flags, "high_cv") if wide else tuple(flags),
        }
    )


def _of_batch(measured: InferenceMeasurement, batch: int) -> list[Mapping[str, Any]]:
    return [window for window in measured.windows if window["label"] == f"batch {batch}"]


def _half_width(windows: Sequence[Mapping[str, Any]]) -> float | None:
    return interval(
        [window["j_per_unit"] for window in windows], statistics.fmean(window["wall_s"] for window in windows)
    )


def _is_wide(windows: Sequence[Mapping[str, Any]]) -> bool:
    half = _half_width(windows)
    return half is None or half > CI_LIMIT * statistics.fmean(window["j_per_unit"] for window in windows)


def main() -> None:
    """Rewrite every file of the bank."""
    for file in sorted(settings().bank.glob("*.parquet")):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["GREENAI_DATABASE_URL"] = f"sqlite:///{Path(folder) / 'bank.db'}"
            for row in pd.read_parquet(file).to_dict("records"):
                records.save(renewed(from_row(plain(row))))
            exchange.export(file, "parquet", "own")
        sys.stderr.write(f"{file.name}: written\n")


if __name__ == "__main__":
    main()
