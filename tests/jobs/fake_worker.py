"""A worker whose runs take no torch; the spec's seed says what becomes of the run, its epochs how long it takes."""

from __future__ import annotations

import logging
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

from greenai_core.errors import RunFailed
from greenai_core.jobs import attempt
from greenai_core.jobs.states import Ticket
from greenai_core.jobs.warm import serve
from greenai_core.progress import Progress, Reporter
from greenai_core.record import Record
from greenai_core.settings import settings
from greenai_core.spec import Spec, check
from greenai_core.unfinished import Keep
from tests import factory

MODULE = "tests.jobs.fake_worker"

FINE, CANNOT, DEFECT, DEAF, DEADLY, DEADLY_ONCE = 0, 101, 102, 103, 104, 105
"""Seeds: trains; raises RunFailed; raises something else; never reports; kills its process, always or at first."""

EPOCH_S = 0.03


def a_spec(seed: int = FINE, epochs: int = 2) -> Spec:
    return check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": [{"name": "train", "epochs": epochs}],
            "seed": seed,
        }
    )


def execute(spec: Spec, report: Reporter, keep: Keep) -> Record:
    epochs = spec.recipe[0].model_dump()["epochs"]
    run_id = uuid.uuid4().hex
    logging.getLogger("greenai_core.fake").info("seed %d", spec.seed)
    if spec.seed == CANNOT:
        raise RunFailed("the loss is not a number; lower lr.")
    if spec.seed == DEFECT:
        raise ZeroDivisionError("a defect")
    if spec.seed == DEAF:
        _began()
        time.sleep(60)
    keep(factory.record(spec, run_id=run_id, status="aborted"))
    if spec.seed == DEADLY or (spec.seed == DEADLY_ONCE and _began() == 1):
        report(Progress(stage="train", stage_index=0, fraction=0.1, message="about to die"))
        time.sleep(attempt.BEAT_S * 1.5)
        os.kill(os.getpid(), signal.SIGKILL)
    for epoch in range(1, epochs + 1):
        report(Progress(stage="train", stage_index=0, fraction=(epoch - 0.5) / epochs, epoch=epoch, epochs=epochs))
        time.sleep(EPOCH_S)
        report(
            Progress(
                stage="train",
                stage_index=0,
                fraction=epoch / epochs,
                epoch=epoch,
                epochs=epochs,
                epoch_done=True,
                loss=1 / epoch,
                accuracy_val=0.5 + epoch / 100,
                lr=0.1,
                energy_j=epoch * 1.5,
            )
        )
    return factory.record(spec, run_id=run_id)


def _began() -> int:
    """Count the attempts."""
    folder = Path(settings().artifacts)
    folder.mkdir(exist_ok=True)
    (folder / uuid.uuid4().hex).touch()
    return len(list(folder.iterdir()))


def handle(ticket: dict[str, Any]) -> None:
    attempt.run(Ticket(**ticket), execute)


def ready() -> None:
    """There is nothing to load."""


if __name__ == "__main__":
    logging.getLogger("greenai_core").setLevel(logging.INFO)
    serve({"attempt": handle, "say": lambda text: text, "pid": os.getpid, "leave": lambda: os._exit(7)}, ready)
