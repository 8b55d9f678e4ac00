"""Files that belong to runs: checkpoints and deployed models, anywhere that fsspec reaches.

A name is relative to GREENAI_ARTIFACTS, so that a store can be moved. A file appears under its name only when it is
complete: it is written under another name first, and then renamed.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import fsspec
from fsspec import AbstractFileSystem

from greenai_core.errors import BadInput, RunFailed
from greenai_core.settings import settings
from greenai_core.store.database import disk_is_full


class NotStored(BadInput):
    """There is no such file."""


@dataclass(frozen=True)
class File:
    """A stored file."""

    name: str
    size_bytes: int


def write(name: str, content: bytes) -> None:
    """Store `content` as `name`, replacing what was there.

    Raises:
        RunFailed: there is no room; nothing is left half-written.
    """
    files, path = _locate(name)
    part = f"{path}.{uuid.uuid4().hex}.part"
    try:
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        files.pipe_file(part, content)
        files.mv(part, path)
    except OSError as error:
        if files.exists(part):
            files.rm(part)
        if disk_is_full(error):
            raise RunFailed(
                f"{settings().artifacts}: the disk is full; make room there and start the run again."
            ) from None
        raise


def read(name: str) -> bytes:
    """Return the content stored as `name`.

    Raises:
        NotStored: there is none.
    """
    files, path = _locate(name)
    try:
        content: bytes = files.cat_file(path)
    except FileNotFoundError:
        raise NotStored(f"{name}: there is no such file in {settings().artifacts}.") from None
    return content


def exists(name: str) -> bool:
    """Tell whether something is stored as `name`."""
    files, path = _locate(name)
    return bool(files.exists(path))


def delete(name: str) -> None:
    """Remove what is stored as `name`, if anything is."""
    files, path = _locate(name)
    if files.exists(path):
        files.rm(path)


def delete_all(name: str) -> None:
    """Remove what is stored as `name` and everything below it, if there is anything.

    Raises:
        BadInput: `name` is a whole folder of this store; only what lies in one can be removed.
    """
    files, path = _locate(name)
    if not all(name.partition("/")):
        raise BadInput(f"{name!r} is a whole folder of {settings().artifacts}; name something in it.")
    with suppress(FileNotFoundError):  # somebody else may remove it, too
        files.rm(path, recursive=True)


def listing(folder: str) -> tuple[File, ...]:
    """Return every file below a folder, also those that are half-written; none where there is no such folder.

    Raises:
        BadInput: the place cannot be read.
    """
    files, path = _locate(folder)
    root = path.removesuffix(folder)
    try:
        files.invalidate_cache(path)  # other hosts write, too
        found = files.find(path, detail=True)
    except OSError as error:
        raise BadInput(f"{settings().artifacts}: the files in it cannot be listed ({error}).") from error
    return tuple(File(each.removeprefix(root), facts["size"]) for each, facts in sorted(found.items()))


def grouped(folder: str) -> Mapping[str, list[File]]:
    """Return the files below a folder by what they belong to: the name that stands right below it.

    Raises:
        BadInput: the place cannot be read.
    """
    found = defaultdict(list)
    for file in listing(folder):
        found[file.name.split("/")[1]].append(file)
    return found


def ages_s(names: Iterable[str]) -> dict[str, float | None]:
    """Return how many seconds ago each file was written; None where it is gone, or the place does not say."""
    files, root = _locate("")
    return {name: _age_s(files, f"{root}{name}") for name in names}


def _age_s(files: AbstractFileSystem, path: str) -> float | None:
    try:
        return time.time() - float(files.modified(path).timestamp())
    except (FileNotFoundError, NotImplementedError):
        return None


def _locate(name: str) -> tuple[AbstractFileSystem, str]:
    # Names come out of records, which may have been imported: none may lead elsewhere.
    if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name:
        raise BadInput(f"{name!r} is not the name of a file in {settings().artifacts}.")
    files, root = fsspec.core.url_to_fs(settings().artifacts)
    return files, f"{root}/{name}"
