"""The detached supervisor: ``python -m greenai_core.jobs LOCK``, with the file that the supervisor of a store locks.

With the lock held it starts the worker before it loads anything else: loading torch takes longest of all that a first
click waits for. Where somebody else holds the lock there is nothing to do, and nothing is started. A cluster has
workers of its own.
"""

from __future__ import annotations

import logging
import os
import sys

from filelock import FileLock, Timeout

from greenai_core.jobs.warm import WORKER, WarmProcess


def main() -> None:
    """Supervise until there has been nothing to do for a while."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    lock = FileLock(sys.argv[1], thread_local=False)
    try:
        lock.acquire(timeout=0.5, poll_interval=0.05)  # those who only ask hold it for a moment
    except Timeout:
        return
    here = os.environ.get("GREENAI_EXECUTOR", "") in ("", "local")
    waiting = [WarmProcess(WORKER)] if here else []
    from greenai_core.jobs.supervisor import start_worker, supervise
    from greenai_core.settings import settings

    supervise(
        linger_s=settings().idle_exit_s,
        wait_for_lock=False,
        start_worker=lambda: waiting.pop() if waiting else start_worker(),
        lock=lock,
    )


if __name__ == "__main__":
    main()
