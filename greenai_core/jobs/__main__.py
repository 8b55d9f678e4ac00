"""The detached supervisor: ``python -m greenai_core.jobs``.

It starts the worker before it loads anything else: loading torch takes longest of all that a first click waits for.
"""

from __future__ import annotations

import logging
import sys

from greenai_core.jobs.warm import WORKER, WarmProcess


def main() -> None:
    """Supervise until there has been nothing to do for a while."""
    waiting = [WarmProcess(WORKER)]
    from greenai_core.jobs.supervisor import start_worker, supervise
    from greenai_core.settings import settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    supervise(
        linger_s=settings().idle_exit_s,
        wait_for_lock=False,
        start_worker=lambda: waiting.pop() if waiting else start_worker(),
    )


if __name__ == "__main__":
    main()
