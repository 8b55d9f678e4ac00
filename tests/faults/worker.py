"""A worker whose runs spend joules that are known, and write down each before they tell of it."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from greenai_core.errors import RunFailed
from greenai_core.jobs import attempt
from greenai_core.jobs.states import Ticket
from greenai_core.jobs.warm import serve
from greenai_core.progress import Progress, Reporter
from greenai_core.record import Record
from greenai_core.settings import settings
from greenai_core.spec import Spec
from greenai_core.unfinished import Keep
from tests import factory
from tests.faults import injected, ledger
from tests.jobs.fake_worker import EPOCH_S

EPOCH_J = 1.5
"""Spent in an epoch; a sum of such is exact."""


def handle(ticket: dict[str, Any]) -> None:
    def execute(spec: Spec, report: Reporter, keep: Keep) -> Record:
        return _execute(ticket["token"], spec, report, keep)

    ledger.write("handed", token=ticket["token"])
    try:
        attempt.run(Ticket(**ticket), execute)
    finally:
        ledger.write("returned", token=ticket["token"])


def _execute(token: str, spec: Spec, report: Reporter, keep: Keep) -> Record:
    """Run the stages of a spec; a run fails in its second epoch while ``fail/SPEC_ID`` exists."""
    run_id = uuid.uuid4().hex
    record = factory.record(spec, run_id=run_id, energy_spent_j=0.0)
    epochs = sum(getattr(stage, "epochs", 0) for stage in spec.recipe)
    ledger.write("start", run=run_id, token=token, host=settings().host_id)
    try:
        for epoch in range(1, epochs + 1):
            injected.meet(f"epoch-{epoch}")
            time.sleep(EPOCH_S)
            ledger.write("spend", run=run_id, joules=EPOCH_J)
            record = record.model_copy(update={"energy_spent_j": epoch * EPOCH_J})
            keep(record.model_copy(update={"status": "aborted"}))
            report(
                Progress(
                    stage="train",
                    stage_index=0,
                    fraction=epoch / epochs,
                    epoch=epoch,
                    epochs=epochs,
                    epoch_done=True,
                    loss=1 / epoch,
                    energy_j=epoch * EPOCH_J,
                )
            )
            if (ledger.folder() / "fail" / spec.spec_id).exists():
                raise RunFailed("the loss is not a number; lower lr.")
    finally:
        ledger.write("stop", run=run_id)
    return record


def ready() -> None:
    """There is nothing to load."""


if __name__ == "__main__":
    logging.getLogger("greenai_core").setLevel(logging.INFO)
    serve({"attempt": handle}, ready)
