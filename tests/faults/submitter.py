"""A process that submits: specs on standard input, sent when the file ``go`` is there, the jobs' ids as the answer."""

from __future__ import annotations

import json
import sys
import time

from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.spec import check
from tests.faults import ledger

if __name__ == "__main__":
    specs = [check(spec) for spec in json.load(sys.stdin)]
    ledger.write("ready")
    while not (ledger.folder() / "go").exists():
        time.sleep(0.001)
    print(json.dumps([result.id for result in queue.submit(specs, access=Access.local())]))
