"""Keeps what a run has measured so far, without ever being in its way."""

from __future__ import annotations

import logging
from collections.abc import Callable

from greenai_core.record import Record
from greenai_core.store import records

logger = logging.getLogger(__name__)


class Keeper:
    """The `keep` of one run (see `greenai_core.run.execute`): stores its record, and remembers the last one.

    A store that is full or busy does not end the run: that is said once, and each later record is tried again.
    """

    def __init__(self) -> None:
        self.record: Record | None = None
        self._warned = False

    def __call__(self, record: Record) -> None:
        """Store an unfinished record; it is not shown while this process lives."""
        self.record = record
        self._try(records.keep_unfinished, record)

    def end(self) -> None:
        """Show what was kept last as what the run left behind; nothing happens where nothing was kept."""
        if self.record is not None:
            self._try(records.save, self.record)

    def _try(self, store: Callable[[Record], None], record: Record) -> None:
        try:
            store(record)
        except Exception as error:  # whatever it is: the run is worth more than its unfinished record
            if not self._warned:
                logger.warning("what the run has measured so far is not stored: %s", error)
            self._warned = True
