"""A worker as the product's, but for what it carries out: nothing. A run is over at once, or never reports."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from greenai_core.jobs import attempt
from greenai_core.jobs.states import Ticket
from greenai_core.jobs.warm import serve
from greenai_core.progress import Reporter
from greenai_core.record import Record
from greenai_core.spec import Spec
from greenai_core.unfinished import Keep

MODULE = "benchmarks._trivial_worker"

DEAF = 1_000_000
"""Runs with this seed or a higher one never report and do not end."""


def execute(spec: Spec, report: Reporter, keep: Keep) -> Record:
    """Return the least that can be stored."""
    while spec.seed >= DEAF:
        time.sleep(1)
    whole = spec.model_dump(mode="json")
    return Record(
        run_id=uuid.uuid4().hex,
        spec_id=spec.spec_id,
        status="succeeded",
        created_at="2026-01-01T00:00:00Z",
        dataset=spec.dataset.name,
        model=spec.model.name,
        recipe=tuple(whole["recipe"]),
        seed=spec.seed,
        spec=whole,
    )


def handle(ticket: dict[str, Any]) -> None:
    """Make one attempt."""
    attempt.run(Ticket(**ticket), execute)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("greenai_core").setLevel(logging.INFO)
    serve({"attempt": handle}, lambda: None)
