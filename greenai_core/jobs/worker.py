"""The process that runs jobs, one after the other; the supervisor starts it: ``python -m greenai_core.jobs.worker``."""

from __future__ import annotations

import logging
from typing import Any

from greenai_core import preload
from greenai_core.jobs import attempt
from greenai_core.jobs.states import Ticket
from greenai_core.jobs.warm import serve
from greenai_core.progress import Reporter
from greenai_core.record import Record
from greenai_core.spec import Spec
from greenai_core.unfinished import Keep


def execute(spec: Spec, report: Reporter, keep: Keep) -> Record:
    """Run a spec."""
    from greenai_core import run

    return run.execute(spec, reporter=report, keep=keep)


def handle(ticket: dict[str, Any]) -> None:
    """Make one attempt."""
    attempt.run(Ticket(**ticket), execute)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)
    logging.getLogger("greenai_core").setLevel(logging.INFO)
    serve({"attempt": handle}, preload.everything)
