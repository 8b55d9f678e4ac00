"""What measuring costs: CPU-seconds of the energy meter as a share of those of a training stage.

A training stage runs as it does in every run: a window around it and one around each look at the validation images,
reports with the joules so far, codecarbon beside it, and the record of the unfinished run stored every two seconds.
Every such call is clocked by the CPU time of the thread that makes it; what codecarbon's own thread takes is measured
in a task during which nothing else happens.

    python -m benchmarks.energy_overhead [--quick] [--format table|json]
"""

from __future__ import annotations

import functools
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # before torch is imported, as in every worker

from benchmarks._report import arguments, emit
from greenai_core import preload, run
from greenai_core.energy.carbon import Codecarbon
from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.open_window import OpenWindow
from greenai_core.record import StageRecord
from greenai_core.spec import check
from greenai_core.store import records
from greenai_core.store.keeper import Keeper
from greenai_core.unfinished import Unfinished
from greenai_core.walk import Walk

CLAIM = 0.01
"""Share of the stage's CPU-seconds, at most."""

CLOCKED: tuple[tuple[Any, str], ...] = (
    (OpenWindow, "__init__"),
    (OpenWindow, "joules_so_far"),
    (OpenWindow, "end"),
    (OpenWindow, "close"),
    (Codecarbon, "start"),
    (Codecarbon, "stop"),
    (Unfinished, "keep_now"),
    (records, "keep_unfinished"),
)
"""Everything that the meter does while a window is open, by owner and name; none of these calls another one."""


@contextmanager
def clocked(spent: dict[str, float]) -> Iterator[None]:
    """Add up, by name, the CPU-seconds of each call of `CLOCKED` within."""
    with ExitStack() as undo:
        for owner, name in CLOCKED:
            original = getattr(owner, name)
            undo.callback(setattr, owner, name, original)
            setattr(owner, name, _clocking(original, f"{owner.__name__}.{name}", spent))
        yield


def _clocking(original: Any, name: str, spent: dict[str, float]) -> Any:
    @functools.wraps(original)
    def call(*arguments: Any, **options: Any) -> Any:
        before = time.thread_time()
        try:
            return original(*arguments, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.thread_time() - before

    return call


def background_share(seconds: float) -> float:
    """Return the CPU-seconds per second that codecarbon's thread takes while nothing else happens."""
    meter = EnergyMeter.from_settings()
    with meter.window("nothing") as opened:
        time.sleep(seconds)
    return opened.closed.cpu_s / opened.closed.wall_s


def stage(epochs: int, spent: dict[str, float]) -> StageRecord:
    """Train on the embedded digits and return what the stage cost; `spent` is that of the stage alone."""
    spec = check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": [{"name": "train", "epochs": epochs}],
            "measurement": {"profile": "none"},
        }
    )
    original = Walk._stage

    def only_the_stage(*arguments: Any, **options: Any) -> Any:
        with clocked(spent):
            return original(*arguments, **options)

    setattr(Walk, "_stage", only_the_stage)  # noqa: B010
    try:
        with Keeper() as keep:
            return run.execute(spec, keep=keep).stages[0]
    finally:
        setattr(Walk, "_stage", original)  # noqa: B010


def main() -> None:
    """Run the benchmark and print it."""
    options = arguments(__doc__)
    preload.everything()
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "GREENAI_DATABASE_URL": f"sqlite:///{Path(folder) / 'greenai.db'}",
            "GREENAI_ARTIFACTS": str(Path(folder) / "artifacts"),
        }
        trained = stage(10 if options.quick else 60, spent)
    spent["codecarbon's thread"] = trained.window["wall_s"] * background_share(2.0 if options.quick else 10.0)
    total_cpu_s = trained.window["cpu_s"]
    rows = [{"what": name, "cpu_ms": 1e3 * cpu_s, "share": cpu_s / total_cpu_s} for name, cpu_s in spent.items()]
    rows.append({"what": "the whole stage", "cpu_ms": 1e3 * total_cpu_s, "share": 1.0})
    share = sum(spent.values()) / total_cpu_s
    emit(options, rows, ratios={f"CPU-seconds of measuring / of the stage (claim: below {CLAIM})": share})


if __name__ == "__main__":
    main()
