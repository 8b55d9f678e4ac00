"""What the stages of teacher and student are compared by: attention maps, or features behind a projection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from greenai_core.acceleration import forward
from greenai_core.techniques.distillation._features import Seen, Stage, tapped

PROJECTION = "hint_projection"
"""Name of the projection's weights on the model while it trains."""


@dataclass(frozen=True)
class Pair:
    """A stage of the student and the one of the teacher that it is compared with, at the smaller of their sizes."""

    student: Stage
    teacher: Stage

    @property
    def size(self) -> tuple[int, int]:
        """Height and width at which they are compared."""
        (height, width), (other_height, other_width) = self.student.size, self.teacher.size
        return min(height, other_height), min(width, other_width)


def pairs(student: tuple[Stage, ...], teacher: tuple[Stage, ...]) -> tuple[Pair, ...]:
    """Match stages from the last one backwards, until one of the networks has no more."""
    return tuple(Pair(*both) for both in zip(reversed(student), reversed(teacher), strict=False))


def attention(features: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the map of mean squared activations at `size`, as a vector of length 1 for each image, (B, H * W).

    Args:
        features: (B, C, height, width).
        size: (H, W), at most (height, width).

    Source: Zagoruyko and Komodakis 2017, section 3.1, https://arxiv.org/abs/1612.03928
    """
    energy = features.float().pow(2).mean(1, keepdim=True)
    return F.normalize(F.adaptive_avg_pool2d(energy, size).flatten(1), dim=1)


@dataclass
class Attention:
    """The attention maps of all pairs, one behind the other."""

    pairs: tuple[Pair, ...]
    teacher: nn.Module
    beta: float
    _seen: Seen = field(default_factory=dict)

    def ask(self, images: torch.Tensor) -> torch.Tensor:
        """Return the teacher's maps (B, sum of H * W)."""
        with tapped(self.teacher, [pair.teacher.name for pair in self.pairs]) as seen:
            forward(self.teacher, images)
        return torch.cat([attention(seen[pair.teacher.name][1], pair.size) for pair in self.pairs], 1)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Look into the student while it trains."""
        with tapped(model, [pair.student.name for pair in self.pairs]) as self._seen:
            yield

    def loss(self, logits: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return beta times the squared distance of student's and teacher's maps, the mean over images and pairs."""
        own = torch.cat([attention(self._seen[pair.student.name][1], pair.size) for pair in self.pairs], 1)
        return self.beta * (own - answer).pow(2).sum(1).mean() / len(self.pairs)


@dataclass
class Hint:
    """The features of one pair; a 1x1 convolution, trained with the student, takes those of the student to the hint.

    Source: Romero et al. 2015, https://arxiv.org/abs/1412.6550
    """

    pair: Pair
    teacher: nn.Module
    beta: float
    _seen: Seen = field(default_factory=dict)
    _weight: nn.Parameter = field(init=False)

    def ask(self, images: torch.Tensor) -> torch.Tensor:
        """Return the teacher's features (B, C, H, W)."""
        with tapped(self.teacher, [self.pair.teacher.name]) as seen:
            forward(self.teacher, images)
        return F.adaptive_avg_pool2d(seen[self.pair.teacher.name][1].float(), self.pair.size)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Look into the student while it trains; the projection is a parameter of it meanwhile."""
        student, teacher = self.pair.student, self.pair.teacher
        device = next(model.parameters()).device
        projection = nn.Conv2d(student.channels, teacher.channels, 1, bias=False, device=device)
        self._weight = nn.Parameter(projection.weight)
        model.register_parameter(PROJECTION, self._weight)
        try:
            with tapped(model, [student.name]) as self._seen:
                yield
        finally:
            delattr(model, PROJECTION)

    def loss(self, logits: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return beta times the mean squared difference of the projected features and the teacher's."""
        features = F.adaptive_avg_pool2d(self._seen[self.pair.student.name][1].float(), self.pair.size)
        return self.beta * F.mse_loss(F.conv2d(features, self._weight), answer)
