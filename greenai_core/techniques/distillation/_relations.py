"""How the images of a batch lie to each other in a space of features: distances of pairs, angles of triples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from greenai_core.acceleration import forward
from greenai_core.techniques.distillation._features import Seen, penultimate, tapped

GROUP = 64
"""Relations are looked at among so many images at a time: the angles of n images are n^3 numbers."""


class Weights(NamedTuple):
    """Of the two relations in the loss."""

    distance: float
    angle: float


def distances(points: torch.Tensor) -> torch.Tensor:
    """Return the distances of points (n, D) from each other in units of their mean, (n, n)."""
    apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    some = apart.detach() > 0
    return apart / (apart.sum() / some.sum().clamp(min=1)).clamp(min=1e-12)


def angles(points: torch.Tensor) -> torch.Tensor:
    """Return the cosine of the angle at each point (n, D) between each two others, (n, n, n)."""
    directions = F.normalize(points.unsqueeze(0) - points.unsqueeze(1), dim=2)
    return directions @ directions.transpose(1, 2)


def relation_loss(student: torch.Tensor, teacher: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Return how far the relations among the student's points are from those among the teacher's (Huber loss).

    Args:
        student: (B, D).
        teacher: (B, D'), of the same images.
        weights: of distances and angles.

    Source: Park, Kim, Lu, Cho 2019, equations 5 to 10, https://arxiv.org/abs/1904.05068
    """
    loss = student.new_zeros(())
    for own, theirs in zip(student.split(GROUP), teacher.split(GROUP), strict=True):
        part = weights.distance * F.smooth_l1_loss(distances(own), distances(theirs))
        part = part + weights.angle * F.smooth_l1_loss(angles(own), angles(theirs))
        loss = loss + part * len(own) / len(student)
    return loss


@dataclass
class Penultimate:
    """Relations in the space that the last layer looks at; `student` and `of_teacher` name that layer."""

    teacher: nn.Module
    of_teacher: str
    student: str
    weights: Weights
    _seen: Seen = field(default_factory=dict)

    def ask(self, images: torch.Tensor) -> torch.Tensor:
        """Return the teacher's points (B, D)."""
        with tapped(self.teacher, [self.of_teacher]) as seen:
            forward(self.teacher, images)
        return penultimate(seen, self.of_teacher)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Look into the student while it trains."""
        with tapped(model, [self.student]) as self._seen:
            yield

    def loss(self, logits: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return how far the relations among the features are from the teacher's."""
        return relation_loss(penultimate(self._seen, self.student), answer, self.weights)


@dataclass
class Logits:
    """Relations in the space of the logits, which a deployed file has, too."""

    teacher: nn.Module
    weights: Weights

    def ask(self, images: torch.Tensor) -> torch.Tensor:
        """Return the teacher's logits (B, K)."""
        return forward(self.teacher, images)

    def within(self, model: nn.Module) -> AbstractContextManager[object]:
        """Look at nothing: the loss is given the student's logits."""
        return nullcontext()

    def loss(self, logits: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return how far the relations among the logits are from the teacher's."""
        return relation_loss(logits, answer, self.weights)
