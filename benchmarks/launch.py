"""From the click on Launch to the first training step, cold and on a warm worker.

A store of its own, one supervisor, a small run on the embedded digits. Cold: nothing runs yet, the supervisor and its
worker start and import torch. Warm: the worker that the first job left behind. The clock runs from the call that the
button makes to the first report from inside an epoch, data set and energy meter included.

    python -m benchmarks.launch [--quick] [--format table|json]
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks._queue import launch, own_queue, warm_launches
from benchmarks._report import arguments, emit

CLAIMS = {"cold": 4.0, "warm": 0.3}
"""Seconds, at most."""


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    with own_queue():
        rows: list[dict[str, Any]] = [{"launch": "cold", "seconds": launch(seed=0)}]
        for seconds in warm_launches(3 if options.quick else 10, first_seed=1):
            rows.append({"launch": "warm", "seconds": seconds})
    figures = {
        f"{kind}: seconds to the first training step, median (claim: below {most})": statistics.median(
            row["seconds"] for row in rows if row["launch"] == kind
        )
        for kind, most in CLAIMS.items()
    }
    emit(options, rows, figures=figures)


if __name__ == "__main__":
    main()
