"""What this project takes on disk, and what of it nothing refers to any more.

Sizes are those of the files; 1 KB = 1024 bytes. Data sets are shown and never removed: they may be a person's own.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.jobs.states import LIVE
from greenai_core.record import Record, with_teachers
from greenai_core.settings import settings
from greenai_core.store import artifacts, deletions, eviction, records, underway
from greenai_core.store.database import file_of, reading
from greenai_core.store.schema import job

if TYPE_CHECKING:
    from greenai_core.jobs.access import Access

Kind = Literal["models", "bin", "checkpoints", "resume", "data", "database"]

YOUNG_S = 3600.0
"""A younger file is never unreferenced: what refers to it is stored after it."""


@dataclass(frozen=True)
class Usage:
    """What the files of one kind take, and what of it `clear` would remove; `name` is that of a data set's folder.

    Of the kind "bin" are models of deleted runs that can be restored.
    """

    kind: Kind
    files: int
    size_bytes: int
    unreferenced_files: int = 0
    unreferenced_bytes: int = 0
    name: str = ""


@dataclass(frozen=True)
class Cleared:
    """What was removed."""

    files: int
    size_bytes: int


@dataclass(frozen=True)
class _Part:
    """What can only be removed together: a model, a checkpoint, a snapshot."""

    kind: Kind
    key: str
    files: Sequence[artifacts.File]
    referenced: bool

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


def usage() -> tuple[Usage, ...]:
    """Return what each kind of file takes; data sets one by one, bin and database only where they have files here.

    Raises:
        BadInput: files cannot be listed, or the store cannot be read.
    """
    parts = _parts()
    stored: tuple[Kind, ...] = ("models", "checkpoints", "resume")
    binned: tuple[Kind, ...] = ("bin",) if any(part.kind == "bin" for part in parts) else ()
    sums = (_sum(kind, [part for part in parts if part.kind == kind]) for kind in (*stored, *binned))
    return (*sums, *_data(), *_database())


def in_use() -> str | None:
    """Say why checkpoints and snapshots cannot be cleared now; None where they can.

    Raises:
        BadInput: the store cannot be read.
    """
    with reading() as connection:
        live = connection.execute(sa.select(sa.func.count()).where(job.c.state.in_(LIVE))).scalar_one()
        going_on, _ = underway.unfinished_ids(connection)
    if live or going_on:
        return "Checkpoints and resume snapshots stay while a job waits or a run goes on: it may need them."
    return None


def clear(access: Access) -> Cleared:
    """Remove every file that nothing refers to; data sets and the database stay.

    Raises:
        ReadOnly: this caller may not.
        BadInput: a file cannot be removed; those before it are gone.
    """
    access.require()
    try:
        gone = [part for part in _parts() if not part.referenced and _remove(part)]
    except OSError as error:
        raise BadInput(f"{settings().artifacts}: a file cannot be removed ({error}).") from error
    return Cleared(sum(len(part.files) for part in gone), sum(part.size_bytes for part in gone))


def _remove(part: _Part) -> bool:
    if part.kind == "checkpoints":
        return eviction.remove(part.key)
    artifacts.delete_all(f"{part.kind}/{part.key}")
    return True


def _parts() -> list[_Part]:
    """Return everything that runs left behind. What needs it is looked up before its names are: a run may end now."""
    held = in_use() is not None
    before = deletions.binned()
    models, checkpoints = _named(records.each())
    restorable, others = _named([*before, *deletions.binned()])  # on both sides: a run may be deleted or restored now
    checkpoints |= others
    binned_only = restorable - models
    stored = _found("models", lambda key: f"models/{key}" in models | restorable)
    return [
        *(replace(part, kind="bin") if f"models/{part.key}" in binned_only else part for part in stored),
        *_found("checkpoints", lambda key: held or key in checkpoints),
        *_found("resume", lambda key: held),
    ]


def _named(runs: Iterable[Record]) -> tuple[set[str], set[str]]:
    """Return the models and the keys of the checkpoints that records name; they may be more than fit into memory."""
    models: set[str] = set()
    checkpoints: set[str] = set()
    for record in runs:
        models |= {uri for uri in [record.provenance.get("model_uri")] if uri}
        checkpoints |= {stage.key for stage in with_teachers(record.stages)}
    return models, checkpoints


def _found(kind: Kind, referenced: Callable[[str], bool]) -> Iterator[_Part]:
    """Yield the parts of one kind; a file that is young, or of unknown age, may be referred to yet."""
    found = artifacts.grouped(kind)
    loose = {key: files for key, files in found.items() if not referenced(key)}
    ages_s = artifacts.ages_s(file.name for files in loose.values() for file in files)
    settled = {name for name, age_s in ages_s.items() if age_s is not None and age_s >= YOUNG_S}
    for key, files in found.items():
        yield _Part(kind, key, files, key not in loose or not all(file.name in settled for file in files))


def _sum(kind: Kind, parts: Sequence[_Part]) -> Usage:
    loose = [part for part in parts if not part.referenced]
    return Usage(
        kind,
        files=sum(len(part.files) for part in parts),
        size_bytes=sum(part.size_bytes for part in parts),
        unreferenced_files=sum(len(part.files) for part in loose),
        unreferenced_bytes=sum(part.size_bytes for part in loose),
    )


def _data() -> Iterator[Usage]:
    """Yield what each folder of data takes, then the files beside them."""
    root = settings().data_dir
    children = sorted(root.iterdir()) if root.is_dir() else []
    for folder in filter(Path.is_dir, children):
        sizes = _sizes(folder.rglob("*"))
        yield Usage("data", len(sizes), sum(sizes), name=folder.name)
    if beside := _sizes(children):
        yield Usage("data", len(beside), sum(beside), name="(no folder)")


def _database() -> Iterator[Usage]:
    file = file_of(settings().database_url)
    if file and (sizes := _sizes(Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm"))):
        yield Usage("database", len(sizes), sum(sizes))


def _sizes(paths: Iterable[Path]) -> list[int]:
    """Return the sizes of those paths that are files; some may go meanwhile."""
    sizes = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            sizes.append(status.st_size)
    return sizes
