"""Keeps what a run has measured so far, without ever being in its way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from greenai_core.record import Record
from greenai_core.store import records
from greenai_core.store.database import engine

logger = logging.getLogger(__name__)


class Keeper:
    """The `keep` of one run (see `greenai_core.run.execute`): stores its record, and remembers the last one.

    A context around the run. A thread of its own stores the last record, so that the run never waits for the store;
    after the context it stores nothing any more, so that nothing comes after the record that the run ends with.

    A store that is full or busy does not end the run: that is said once, and each later record is tried again.
    """

    def __init__(self) -> None:
        self.record: Record | None = None
        self._warned = False
        self._new = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._store, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        """Begin to store; the store is opened now, since it would be charged to a stage later."""
        self._try(engine)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Store no more; returns when what is being stored is."""
        self._over = True
        self._new.set()
        self._thread.join()

    def __call__(self, record: Record) -> None:
        """Store an unfinished record soon, unless a newer one comes before; not shown while this process lives."""
        self.record = record
        self._new.set()

    def end(self) -> None:
        """Show what was kept last as what the run left behind; nothing happens where nothing was kept."""
        if self.record is not None:
            self._try(partial(records.leave, self.record))

    def _store(self) -> None:
        while True:
            self._new.wait()
            self._new.clear()
            if self._over:
                return
            if self.record is not None:
                self._try(partial(records.keep_unfinished, self.record))

    def _try(self, store: Callable[[], object]) -> None:
        try:
            store()
        except Exception as error:  # whatever it is: the run is worth more than its unfinished record
            if not self._warned:
                logger.warning("what the run has measured so far is not stored: %s", error)
            self._warned = True
