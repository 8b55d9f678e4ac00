"""Which prefix checkpoints stay: together they may take so much, and those used least recently go first.

Table `checkpoint` holds when each was used last, by the database's clock, and how large it is. Nothing here ends a run:
where the store is busy or full a use is not noted, and a checkpoint that is gone is made again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from greenai_core import units
from greenai_core.errors import BadInput
from greenai_core.settings import settings
from greenai_core.store import artifacts
from greenai_core.store.clock import now
from greenai_core.store.database import engine, reading, writing
from greenai_core.store.schema import checkpoint

FOLDER = "checkpoints"
"""Holds a folder for each checkpoint, named by its key."""

LAST = "history.json"
"""The file that makes a checkpoint valid: written last, removed first."""

SPARED_S = 600.0
"""What was used within so many seconds is never removed: the run that uses it may come back for it."""

NOTED_EVERY_S = 60.0
"""A use is not noted again for so long: noting one is on the way of a run."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A checkpoint that is stored, and for how long nobody used it."""

    key: str
    size_bytes: int
    idle_s: float


def cap_bytes() -> float:
    """Return how much all checkpoints may take together."""
    return settings().checkpoints_cap_mb * 1024**2


def surplus(kept: Iterable[Kept], cap: float, latest: str) -> tuple[Kept, ...]:
    """Return what has to go for the rest to fit under a cap of so many bytes, least recently used first.

    `latest` and what was used just now are not among it, whether the rest fits or not.
    """
    by_age = sorted(kept, key=lambda each: each.idle_s, reverse=True)
    over = sum(each.size_bytes for each in by_age) - cap
    gone = []
    for each in by_age:
        if over > 0 and each.key != latest and each.idle_s >= SPARED_S:
            gone.append(each)
            over -= each.size_bytes
    return tuple(gone)


def written(key: str, size_bytes: int) -> None:
    """Note that a checkpoint of this size is being written."""
    with _in_passing(), writing() as connection:
        _put(connection, key, size_bytes=size_bytes, used_at=now())


def used(key: str) -> None:
    """Note that a checkpoint was read."""
    row = checkpoint.c.key == key
    with _in_passing():
        _take_in(engine(), settings().artifacts)
        with reading() as connection:
            noted = sa.select(checkpoint.c.key).where(row, checkpoint.c.used_at > now() - NOTED_EVERY_S)
            if connection.execute(noted).first() is not None:
                return
        with writing() as connection:
            connection.execute(checkpoint.update().where(row).values(used_at=now()))


def make_room(latest: str) -> None:
    """Remove the least recently used checkpoints until the sum is under the cap; `latest`, just written, stays."""
    with _in_passing():
        _take_in(engine(), settings().artifacts)
        kept = _kept()
        cap = cap_bytes()
        left = sum(each.size_bytes for each in kept)
        left -= sum(each.size_bytes for each in surplus(kept, cap, latest) if remove(each.key))
        if left > cap:
            logger.warning(
                "checkpoints take %s, GREENAI_CHECKPOINTS_CAP_MB allows %s; all that are left were used just now",
                units.BYTES.text(left),
                units.BYTES.text(cap),
            )


def remove(key: str) -> bool:
    """Remove a checkpoint, unless it was used just now; returns whether it is gone.

    Raises:
        BadInput: the store cannot be written; nothing is removed.
    """
    with writing() as connection:
        row = checkpoint.c.key == key
        spared = sa.select(checkpoint.c.key).where(row, checkpoint.c.used_at > now() - SPARED_S)
        if connection.execute(spared).first() is not None:
            return False
        connection.execute(checkpoint.delete().where(row))
    # Not within the transaction: files may lie far away. Whoever writes this checkpoint anew meanwhile may lose it.
    artifacts.delete(f"{FOLDER}/{key}/{LAST}")
    artifacts.delete_all(f"{FOLDER}/{key}")
    return True


@lru_cache(maxsize=4)
def _take_in(_opened: sa.Engine, _artifacts: str) -> None:
    """Make the table say what there is, once per process: older versions noted nothing, and people remove files."""
    found = artifacts.grouped(FOLDER)
    known = {each.key: each for each in _kept()}
    unknown = {key: files for key, files in found.items() if key not in known}
    ages_s = artifacts.ages_s(file.name for files in unknown.values() for file in files)
    gone = [key for key, each in known.items() if key not in found and each.idle_s >= SPARED_S]
    with writing() as connection:
        connection.execute(checkpoint.delete().where(checkpoint.c.key.in_(gone)))
        for key, files in unknown.items():
            age_s = min(ages_s[file.name] or 0.0 for file in files)  # where it is unknown, it may be now
            _put(connection, key, size_bytes=sum(file.size_bytes for file in files), used_at=now() - age_s)


def _kept() -> list[Kept]:
    idle_s = (now() - checkpoint.c.used_at).label("idle_s")
    with reading() as connection:
        rows = connection.execute(sa.select(checkpoint.c.key, checkpoint.c.size_bytes, idle_s)).all()
    return [Kept(row.key, row.size_bytes, row.idle_s) for row in rows]


def _put(connection: sa.Connection, key: str, **values: Any) -> None:
    connection.execute(checkpoint.delete().where(checkpoint.c.key == key))
    connection.execute(checkpoint.insert().values(key=key, **values))


@contextmanager
def _in_passing() -> Iterator[None]:
    """Go on without what is done inside the block, if it cannot be done."""
    try:
        yield
    except (BadInput, OSError) as error:
        logger.warning("which checkpoints are in use could not be kept up to date: %s", error)
