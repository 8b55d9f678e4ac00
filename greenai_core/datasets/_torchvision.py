"""Data sets that torchvision reads, and downloads where they are missing."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from greenai_core.datasets._base import NotHereError, Outline, Split, Splits, fetching, hold_out
from greenai_core.errors import BadInput, Cancelled
from greenai_core.torchvision_import import import_torchvision

VALIDATION_IMAGES = 5_000
TELL_EVERY_S = 0.5

GREY_28 = Outline((1, 28, 28), 10, 60_000 - VALIDATION_IMAGES)
"""MNIST and the data sets made in its likeness."""


def load(class_name: str, root: Path, *, place: str) -> Splits:
    """Read a torchvision data set from `root`, downloading it there first where it is missing.

    Validation is held out of the official training images, each class in proportion; test is the official one.

    Args:
        class_name: name in `torchvision.datasets`.
        root: folder of all data sets (GREENAI_DATA_DIR).
        place: what belongs where below `root`, for the sentence that helps a person without a network.

    Raises:
        NotHereError: the files are missing, and `fetching` forbids to download them.
        BadInput: they are missing and cannot be downloaded, or they are damaged.
    """
    import_torchvision()
    from torchvision import datasets

    kind = getattr(datasets, class_name)
    try:
        parts = _read(kind, root)
    except Exception as error:  # whatever a parser can meet in a damaged file
        if not (isinstance(error, RuntimeError) and "not found" in str(error)):  # torchvision's word for missing files
            raise BadInput(
                f"dataset.name: the files of {class_name} in {root} are damaged ({type(error).__name__}); remove them, "
                f"and put {place} there again or let them be downloaded."
            ) from error
        _fetch(kind, root, place)
        parts = _read(kind, root)
    whole, test = (_split(part) for part in parts)
    train_split, val = hold_out(whole, VALIDATION_IMAGES)
    return Splits(train_split, val, test, tuple(parts[0].classes))


def _read(kind: Any, root: Path) -> list[Any]:
    return [kind(root, train=train, download=False) for train in (True, False)]


def _fetch(kind: Any, root: Path, place: str) -> None:
    """Download into a folder aside and move what is complete: half a download must not look whole."""
    tell = fetching.get()
    if tell is None:
        raise NotHereError(f"dataset.name: {kind.__name__} is not in {root} yet; launching downloads it.")
    aside = root / f".fetching-{uuid.uuid4().hex[:8]}"
    try:
        aside.mkdir(parents=True)
        with FileLock(root / ".fetching.lock"), _telling(tell, kind.__name__, aside):
            for train in (True, False):
                kind(aside, train=train, download=True)
            for child in aside.iterdir():
                shutil.rmtree(root / child.name, ignore_errors=True)
                child.rename(root / child.name)
    except (
        OSError,
        RuntimeError,
    ) as error:  # URLError is an OSError; RuntimeError follows the last mirror
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(
            f"dataset.name: {kind.__name__} is not in {root} and cannot be downloaded ({reason}). "
            f"Put {place} there by hand, or set GREENAI_DATA_DIR to a folder that has it."
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _telling(tell: Callable[[str], None], name: str, folder: Path) -> Iterator[None]:
    """Tell how much has arrived in `folder`, again and again until the block ends."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(TELL_EVERY_S):
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            with suppress(Cancelled):  # raised again, where it ends the run, by the next report of the run itself
                tell(f"downloading {name}: {size / 2**20:.1f} MB so far")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _split(part: Any) -> Split:
    images = np.asarray(part.data)  # (N, H, W) or (N, H, W, C), uint8
    labels = np.asarray(part.targets, dtype=np.int64)
    channels_first = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return Split(np.ascontiguousarray(channels_first), labels)
