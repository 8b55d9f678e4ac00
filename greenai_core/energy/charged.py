"""The CPU time of this process that windows are charged for: all but what reading counters takes.

Looking for child processes takes a fraction of a millisecond here and several on kernels without
``CONFIG_PROC_CHILDREN``. The clock stands still meanwhile, for every window alike, whichever thread reads: else the
joules of a window within another one could be more than both have.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Clock:
    def __init__(self) -> None:
        self._turn = threading.RLock()
        self._uncharged_s = 0.0
        self._stopped_at: float | None = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Do something that nobody is charged for; one thread at a time, and calls may be nested."""
        with self._turn:
            if self._stopped_at is not None:
                yield
                return
            self._stopped_at = time.thread_time()
            try:
                yield
            finally:
                self._uncharged_s += time.thread_time() - self._stopped_at
                self._stopped_at = None

    def cpu_s(self) -> float:
        """Return the CPU-seconds (user and system) of this process that were charged so far."""
        with self.stopped():
            assert self._stopped_at is not None
            return time.process_time() - self._uncharged_s - (time.thread_time() - self._stopped_at)


CLOCK = _Clock()
"""The one of this process."""
