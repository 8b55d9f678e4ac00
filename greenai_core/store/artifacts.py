"""Files that belong to runs: checkpoints and deployed models, anywhere that fsspec reaches.

A name is relative to GREENAI_ARTIFACTS, so that a store can be moved. A file appears under its name only when it is
complete: it is written under another name first, and then renamed.
"""

from __future__ import annotations

import uuid

import fsspec
from fsspec import AbstractFileSystem

from greenai_core.errors import BadInput, RunFailed
from greenai_core.settings import settings
from greenai_core.store.database import disk_is_full


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
        BadInput: there is none.
    """
    files, path = _locate(name)
    try:
        content: bytes = files.cat_file(path)
    except FileNotFoundError:
        raise BadInput(f"{name}: there is no such file in {settings().artifacts}.") from None
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


def _locate(name: str) -> tuple[AbstractFileSystem, str]:
    # Names come out of records, which may have been imported: none may lead elsewhere.
    if name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name:
        raise BadInput(f"{name!r} is not the name of a file in {settings().artifacts}.")
    files, root = fsspec.core.url_to_fs(settings().artifacts)
    return files, f"{root}/{name}"
