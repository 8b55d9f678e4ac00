"""All that a technique may use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from greenai_core.augmentation import PLAIN, Augmentation
from greenai_core.candidate import Candidate
from greenai_core.datasets._base import Splits
from greenai_core.training import Loss, Penalty, Within, cross_entropy

if TYPE_CHECKING:
    from greenai_core.spec import Teacher


@dataclass(frozen=True)
class Images:
    """Normalised images (N, C, H, W) float32 and labels (N,) int64 of one split, on one device."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Data:
    """What a technique sees of a data set: training and validation images, never the test split."""

    train: Images
    val: Images
    input_shape: tuple[int, int, int]
    num_classes: int


class Fit(Protocol):
    """Train a candidate and return the trained one; `greenai_core.training.fit` with the run's data filled in."""

    def __call__(
        self,
        candidate: Candidate,
        *,
        epochs: int,
        lr: float,
        batch_size: int = 64,
        weight_decay: float = 0.01,
        augmentation: Augmentation = PLAIN,
        dropout: float | None = None,
        patience: int = 0,
        precision: str = "auto",
        freeze_out: float = 1.0,
        loss: Loss = cross_entropy,
        penalty: Penalty | None = None,
        within: Within = nullcontext,
    ) -> Candidate:
        """See `greenai_core.training.fit`."""
        ...


@dataclass(frozen=True)
class Context:
    """The run as a technique sees it.

    `rng` is seeded from the run's seed and the stage's place, so that a stage draws the same numbers whether or not
    the stages before it came from the cache.
    """

    data: Data
    fit: Fit
    teacher: Callable[[Teacher], nn.Module]
    rng: torch.Generator


def tensors(splits: Splits, split: str, device: torch.device) -> Images:
    """Return one split normalised with the training images' mean and standard deviation."""
    part = getattr(splits, split)
    mean, deviation = (torch.tensor(v, dtype=torch.float32).view(1, -1, 1, 1) for v in splits.normalisation)
    images = torch.from_numpy(part.images).to(torch.float32).div_(255).sub_(mean).div_(deviation)
    return Images(images.to(device), torch.from_numpy(part.labels).to(device))
