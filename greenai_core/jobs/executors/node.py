"""One attempt, on a node of a cluster: ``python -m greenai_core.jobs.executors.node TOKEN``.

The token is all that it is given; job and spec are in the store, which the node's own environment names.
"""

from __future__ import annotations

import json
import logging
import os
import sys

import sqlalchemy as sa

from greenai_core import preload
from greenai_core.errors import BadInput
from greenai_core.jobs import attempt
from greenai_core.jobs.states import Ticket
from greenai_core.jobs.worker import execute
from greenai_core.settings import settings
from greenai_core.store.database import file_of, reading
from greenai_core.store.schema import job


def find(token: str) -> Ticket | None:
    """Return the attempt with this token; None: it was given up meanwhile.

    Raises:
        BadInput: the store cannot be read, or is a file.
    """
    if file_of(settings().database_url):
        raise BadInput("GREENAI_DATABASE_URL: this node names a file; set it to the server before `ray start`.")
    chosen = sa.select(job.c.id, job.c.attempts, job.c.spec).where(job.c.token == token)
    with reading() as connection:
        row = connection.execute(chosen).first()
    return None if row is None else Ticket(row.id, token, row.attempts, json.loads(row.spec))


def main() -> None:
    """Make the attempt."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)
    logging.getLogger("greenai_core").setLevel(logging.INFO)
    os.environ.pop("OMP_NUM_THREADS", None)  # Ray sets it to 1; how many threads there are is the spec's business
    try:
        ticket = find(sys.argv[1])
        if ticket is not None:
            preload.everything()
            attempt.run(ticket, execute)
    except BadInput as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
