"""A supervisor in a process of its own: ``python -m tests.cluster.dispatch LEASE_S``."""

from __future__ import annotations

import logging
import math
import sys

from greenai_core.jobs import dispatcher
from greenai_core.jobs.supervisor import supervise


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    dispatcher.LEASE_S = float(sys.argv[1])
    supervise(linger_s=math.inf, wait_for_lock=True)


if __name__ == "__main__":
    main()
