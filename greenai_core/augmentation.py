"""What training changes of whole batches at random: the images, and what the network is to say of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from greenai_core.errors import BadInput


@dataclass(frozen=True)
class Augmentation:
    """Changes that are drawn anew for each batch, in the order of these fields; with the defaults there are none.

    Attributes:
        augment: a key of `MOVES`.
        rotation: each image turns by up to so many degrees in either direction.
        cutout: side in pixels of a hole in each image.
        mixup: alpha of the Beta distribution of the share of each image in its mixture with another one.
        label_smoothing: share of the target that is spread over all classes.
    """

    augment: str = "none"
    rotation: float = 0.0
    cutout: int = 0
    mixup: float = 0.0
    label_smoothing: float = 0.0

    @property
    def views(self) -> int | None:
        """In how many ways an image can be seen; None: in ever new ones."""
        return None if self.rotation or self.cutout or self.mixup else MOVES[self.augment].views

    def check(self, images: torch.Tensor) -> None:
        """Check that images of this size have something left to learn from.

        Raises:
            BadInput: the hole is as large as an image (N, C, H, W).
        """
        height, width = images.shape[-2:]
        if self.cutout >= min(height, width):
            raise BadInput(
                f"recipe: cutout of {self.cutout} pixels hides images of {height}x{width}; choose a smaller side."
            )

    def targets(self, labels: torch.Tensor, num_classes: int) -> torch.Tensor:
        """Return what is to be said of each image: its label (N,), or class probabilities (N, K) if they are needed."""
        if not (self.mixup or self.label_smoothing):
            return labels
        certain = F.one_hot(labels, num_classes).float()
        return certain * (1 - self.label_smoothing) + self.label_smoothing / num_classes

    def apply(
        self, images: torch.Tensor, targets: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return changed images (B, C, H, W), their targets, and how each was moved; those given are left as they are.

        How it was moved is a number (B,) for `Move.take`.

        Args:
            images: normalised, so that zero is the mean of the data set.
            targets: as `targets` returns them.
            generator: on the processor; what is off draws nothing from it.
        """
        move = MOVES[self.augment]
        view = move.draw(len(images), generator).to(images.device)
        images = move.take(images, view)
        if self.rotation:
            turns = torch.rand(len(images), generator=generator) * 2 - 1
            images = rotate(images, turns * self.rotation)
        if self.cutout:
            images = cut_out(images, self.cutout, generator)
        if self.mixup:
            images, targets = mix_up(images, targets, self.mixup, generator)
        return images, targets, view


PLAIN = Augmentation()
"""No change."""


@dataclass(frozen=True)
class Move:
    """Some ways to move an image, numbered from 0, of which each image goes one.

    Attributes:
        views: how many there are.
        draw: draws numbers (N,) for so many images, each with the same chance.
        take: moves images (N, C, H, W) as their numbers (N,) say.
    """

    views: int
    draw: Callable[[int, torch.Generator], torch.Tensor]
    take: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


SHIFT = 2
"""Pixels by which an image moves at most, up, down, left and right."""

_POSITIONS = 2 * SHIFT + 1


def _shifts(count: int, generator: torch.Generator) -> torch.Tensor:
    down, right = torch.randint(_POSITIONS, (2, count), generator=generator)
    return down * _POSITIONS + right


def _shifted(images: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Move each image to a place of its own; the edge is repeated."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (SHIFT, SHIFT, SHIFT, SHIFT), mode="replicate")
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    every = torch.arange(len(images), device=images.device)
    down, right = view // _POSITIONS, view % _POSITIONS
    return windows[every, :, down, right].contiguous(memory_format=torch.channels_last)


def _flips(count: int, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(count, generator=generator) < 0.5).long()


def _flipped(images: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Mirror the images of number 1 left to right."""
    return torch.where(view.view(-1, 1, 1, 1) == 1, images.flip(3), images)


STILL = Move(1, lambda count, generator: torch.zeros(count, dtype=torch.long), lambda images, view: images)
PLACES = Move(_POSITIONS**2, _shifts, _shifted)
MIRROR = Move(2, _flips, _flipped)
MOVES: dict[str, Move] = {
    "none": STILL,
    "shift": PLACES,
    "flip": MIRROR,
    "flip_shift": Move(
        MIRROR.views * PLACES.views,
        lambda count, generator: _flips(count, generator) * PLACES.views + _shifts(count, generator),
        lambda images, view: _shifted(_flipped(images, view // PLACES.views), view % PLACES.views),
    ),
}


def rotate(images: torch.Tensor, degrees: torch.Tensor) -> torch.Tensor:
    """Turn each image of (B, C, H, W) about its centre, counter-clockwise by `degrees` (B,).

    Pixels are interpolated linearly; the edge is repeated.
    """
    height, width = images.shape[-2:]
    angles = degrees.to(images.device) * (math.pi / 180)
    sine, cosine, none = angles.sin(), angles.cos(), torch.zeros_like(angles)
    across = torch.stack((cosine, -sine * height / width, none), 1)
    along = torch.stack((sine * width / height, cosine, none), 1)
    grid = F.affine_grid(torch.stack((across, along), 1), list(images.shape), align_corners=False)
    # In full precision: the coordinates of large images need more digits than bfloat16 has.
    turned = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return turned.to(images.dtype).contiguous(memory_format=torch.channels_last)


def cut_out(images: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Set a square of `side` pixels of each image of (B, C, H, W) to zero.

    Its centre lies anywhere in the image, so that part of the square may lie outside.

    Source: DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552
    """
    height, width = images.shape[-2:]
    rows = _within(height, side, len(images), generator)
    columns = _within(width, side, len(images), generator)
    hole = (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)
    return images.masked_fill(hole.to(images.device), 0)


def _within(length: int, side: int, count: int, generator: torch.Generator) -> torch.Tensor:
    """Tell of each place along an edge whether it is in a hole; bool (count, length)."""
    first = torch.randint(length, (count, 1), generator=generator) - side // 2
    places = torch.arange(length)
    return (places >= first) & (places < first + side)


def mix_up(
    images: torch.Tensor, targets: torch.Tensor, alpha: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each image of (B, C, H, W), and its target (B, K), with another one of the batch.

    The share of the first is drawn from Beta(alpha, alpha), once for the batch as in the authors' code.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz 2018, https://arxiv.org/abs/1710.09412
    """
    partner = torch.randperm(len(images), generator=generator).to(images.device)
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))  # torch draws no Beta from a generator of one's own
    return (
        share * images + (1 - share) * images[partner],
        share * targets + (1 - share) * targets[partner],
    )
