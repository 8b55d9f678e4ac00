"""What a data set is: labelled images in memory, split once and for all."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from greenai_core.errors import BadInput
from greenai_core.registry import FunctionEntry

fetching: ContextVar[Callable[[str], None] | None] = ContextVar("fetching", default=None)
"""Whether missing data sets may be downloaded, and who is told how far that is; None: they may not."""

SPLIT_SEED = 0
"""Splits belong to the data set, not to the run: every seed of a run sees the same ones."""


@contextmanager
def fetch_with(tell: Callable[[str], None] | None) -> Iterator[None]:
    """Allow downloads within, told to `tell`; with None, forbid them."""
    token = fetching.set(tell)
    try:
        yield
    finally:
        fetching.reset(token)


class NotHereError(BadInput):
    """The data set is not on this machine, and this is not the moment to download it."""


@dataclass(frozen=True)
class Outline:
    """What can be said of a data set before it is here; a module states it as ``OUTLINE``."""

    input_shape: tuple[int, int, int]
    num_classes: int
    train_images: int


def outline(dataset: FunctionEntry) -> Outline | None:
    """Return what the data set's module states, if it does."""
    stated: Outline | None = getattr(importlib.import_module(type(dataset).__module__), "OUTLINE", None)
    return stated


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) uint8 and labels (N,) int64 in [0, number of classes)."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: npt.NDArray[np.int64]) -> Split:
        """Return the images of these positions, in this order."""
        return Split(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Splits:
    """Three disjoint splits: `train` to fit, `val` to choose, `test` to report."""

    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @cached_property
    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel of the training images, scaled to [0, 1]."""
        pixels = np.arange(256) / 255
        means, deviations = [], []
        for channel in range(self.input_shape[0]):
            share = (
                np.bincount(self.train.images[:, channel].ravel(), minlength=256) / self.train.images[:, channel].size
            )
            mean = float(share @ pixels)
            means.append(round(mean, 6))
            deviations.append(round(max(float(share @ (pixels - mean) ** 2) ** 0.5, 1e-3), 6))
        return tuple(means), tuple(deviations)

    @cached_property
    def digest(self) -> str:
        """Hash of every pixel, label and split; 16 hex digits."""
        content = hashlib.blake2b(digest_size=8)
        for split in (self.train, self.val, self.test):
            content.update(repr(split.images.shape).encode())
            content.update(np.ascontiguousarray(split.images).data)
            content.update(np.ascontiguousarray(split.labels).data)
        return content.hexdigest()


def hold_out(whole: Split, size: int | float) -> tuple[Split, Split]:
    """Split off `size` images (a count, or a fraction of all), each class in proportion; returns (rest, held out).

    Written out because scikit-learn's splitter takes longer to import than a small run takes to train.

    Raises:
        BadInput: a class has too few images for both parts.
    """
    sizes = np.bincount(whole.labels)
    share = (size if isinstance(size, int) else round(size * len(whole))) * sizes / len(whole)
    counts = np.floor(share).astype(int)
    missing = round(share.sum()) - counts.sum()
    counts[np.argsort(counts - share, kind="stable")[:missing]] += 1  # to the largest remainders
    if (short := (counts == 0) | (counts == sizes)).any():
        few = int(sizes[short].min())
        raise BadInput(f"dataset: too few images to split, a class has only {few}; add images to the smallest class.")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(whole))
    by_class = [order[whole.labels[order] == label] for label in range(len(sizes))]
    held = np.concatenate([places[:count] for places, count in zip(by_class, counts, strict=True)])
    rest = np.concatenate([places[count:] for places, count in zip(by_class, counts, strict=True)])
    return whole.take(np.sort(rest)), whole.take(np.sort(held))
