"""Record how much equal windows of inference differ, for the simulation of the intervals (`benchmarks.intervals`).

    python -m tests.energy.record_noise NAME [WINDOWS]

adds so many windows of the least length, in the order in which they were measured, to ``noise.json`` under this name
("quiet": nothing else runs; "busy": other programs come and go). Stored are the joules per sample of each window, and
the mean wall seconds of one.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # before torch is imported, as in every worker

FILE = Path(__file__).with_name("noise.json")
BATCH = 64
INPUT_SHAPE = (1, 28, 28)


def record(count: int) -> dict[str, Any]:
    """Measure `count` windows of one network in ONNX Runtime, as every run is measured."""
    import numpy as np

    from greenai_core.energy.meter import EnergyMeter
    from greenai_core.export import export_onnx
    from greenai_core.models.convolutional.mnist_cnn import mnist_cnn
    from greenai_core.timing import onnx_runner

    runner = onnx_runner(export_onnx(mnist_cnn(INPUT_SHAPE, 10), INPUT_SHAPE))
    images = np.random.default_rng(0).standard_normal((BATCH, *INPUT_SHAPE), dtype=np.float32)
    stats = EnergyMeter.from_settings().benchmark(
        runner.prepare(images), BATCH, repeats=count, warmup_s=1.0, max_total_s=3600.0
    )
    windows = stats.windows[:count]
    return {
        "window_s": round(statistics.fmean(window.wall_s for window in windows), 4),
        "j_per_unit": [float(f"{window.j_per_unit:.6g}") for window in windows],
    }


if __name__ == "__main__":
    name, count = sys.argv[1], int((sys.argv[2:] or ["300"])[0])
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps({**known, name: record(count)}) + "\n")
