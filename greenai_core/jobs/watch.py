"""What a dispatcher sees of the store: what there is to do, whether anybody wrote, and how long nothing moved."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from greenai_core.jobs import control
from greenai_core.jobs.control import Control
from greenai_core.jobs.states import HELD, WAITING, ready
from greenai_core.store.database import reading
from greenai_core.store.schema import job

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sight:
    """What there is to do: the jobs that somebody works on, how many wait, and whether one of those may begin."""

    held: tuple[sa.Row[Any], ...]
    waiting: int
    ready: bool
    control: Control

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do: every job has ended, or those that wait must not begin."""
        return not self.held and (not self.waiting or self.control.paused)


class Watch:
    """Looks at the jobs that have not ended, and logs every change of state since it last did."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def expect(self, job_id: str) -> None:
        """Log what becomes of a job, even if it has ended by the time of the next look."""
        self._seen[job_id] = "queued"

    def look(self) -> Sight:
        """Return what there is to do."""
        waits = job.c.state.in_(WAITING)
        with reading() as connection:
            rows = connection.execute(
                sa.select(job).where(job.c.state.in_(HELD) | job.c.id.in_(list(self._seen))).order_by(job.c.seq)
            ).all()
            waiting = connection.execute(sa.select(sa.func.count()).select_from(job).where(waits)).scalar_one()
            first = connection.execute(sa.select(job.c.id).where(ready()).limit(1)).first()
            settings = control.read(connection)
        for row in rows:
            if self._seen.get(row.id) != row.state:
                logger.info("job %s %s%s", row.id, row.state, _because(row))
        held = tuple(row for row in rows if row.state in HELD)
        self._seen = {row.id: row.state for row in held}
        return Sight(held, waiting, first is not None and not settings.paused, settings)


def _because(row: sa.Row[Any]) -> str:
    if row.state == "succeeded":
        return f": run {row.run_id}"
    return f": {row.error}" if row.error and row.state in ("failed", "queued", "skipped") else ""


class Unchanged:
    """Tells for how long values have been the same, as far as somebody looked.

    No clock of another host is asked, and none that can be set. A pause between two looks counts as at most
    `longest_s`: whoever slept meanwhile, as a machine does, saw nothing.
    """

    def __init__(self, longest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_s, self._clock = longest_s, clock
        self._looked_at = clock()
        self._values: dict[Hashable, tuple[Any, float]] = {}

    def look(self, values: Iterable[tuple[Hashable, Any]]) -> dict[Hashable, float]:
        """Take the values as they are now, by key; returns for how many seconds each has been so."""
        now = self._clock()
        passed_s = min(self._longest_s, now - self._looked_at)
        self._looked_at = now
        seen: dict[Hashable, tuple[Any, float]] = {}
        for key, value in values:
            before, so_s = self._values.get(key, (value, -passed_s))
            seen[key] = (value, so_s + passed_s if before == value else 0.0)
        self._values = seen
        return {key: so_s for key, (_, so_s) in seen.items()}


class Changes:
    """Tells whether anybody wrote to a SQLite store since it was last asked; other stores are looked at in turn."""

    def __init__(self) -> None:
        self._engine: sa.Engine | None = None
        self._connection: sa.PoolProxiedConnection | None = None
        self._version = -1

    def follow(self, store: sa.Engine) -> None:
        """Watch this store from now on, if it is another one than before."""
        if store is self._engine:
            return
        self.close()
        self._engine = store
        if store.dialect.name == "sqlite":
            self._connection = store.raw_connection()  # asked twenty times a second: everything else costs more

    @property
    def told(self) -> bool:
        """Whether `seen` can tell at all."""
        return self._connection is not None

    def seen(self) -> bool:
        """Return whether there is something new."""
        if self._connection is None:
            return False
        cursor = self._connection.cursor()
        cursor.execute("PRAGMA data_version")
        (version,) = cursor.fetchone() or (-1,)
        cursor.close()
        changed, self._version = version != self._version, version
        return bool(changed)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
