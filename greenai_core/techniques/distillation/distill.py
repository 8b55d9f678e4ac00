"""Teach a small network with the outputs of a large one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.spec import Teacher
from greenai_core.techniques._base import Trains

if TYPE_CHECKING:
    import torch

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context
    from greenai_core.training import Batch

__all__ = ["Distill"]


class Distill(Trains):
    """Distillation: train a student on a teacher's softened outputs and on the labels.

    loss = alpha * T^2 * KL(softmax(teacher / T) || softmax(student / T)) + (1 - alpha) * cross-entropy. alpha weighs
    the soft loss; T^2 keeps the size of its gradient when the temperature changes.

    Family: distillation
    Source: Hinton, Vinyals, Dean 2015, https://arxiv.org/abs/1503.02531
    """

    needs: ClassVar[frozenset[Fact]] = frozenset({"float_weights"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})

    temperature: float = Field(
        4.0, ge=1, le=20, title="Temperature", description="divides the logits of teacher and student; higher is softer"
    )
    alpha: float = Field(0.9, ge=0, le=1, title="Alpha", description="weight of the soft loss; the labels get the rest")
    teacher: Teacher = Field(
        default_factory=lambda: Teacher.model_validate({"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train"}]}),
        title="Teacher",
        description="model and recipe of the teacher; data set and seed are those of the run unless stated",
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train the candidate on the teacher's outputs."""
        import torch
        import torch.nn.functional as F

        teacher = ctx.teacher(self.teacher)

        @torch.no_grad()
        def soften(images: torch.Tensor) -> torch.Tensor:
            return F.log_softmax(teacher(images.float()) / self.temperature, 1)

        # Without augmentation the teacher sees the same images in every epoch: ask it once.
        once = (
            torch.cat([soften(part) for part in ctx.data.train.images.split(1000)]) if self.augment == "none" else None
        )

        def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
            target = soften(batch.images) if once is None else once[batch.index]
            student = F.log_softmax(logits / self.temperature, 1)
            soft = F.kl_div(student, target, reduction="batchmean", log_target=True)
            return self.alpha * self.temperature**2 * soft + (1 - self.alpha) * F.cross_entropy(logits, batch.labels)

        return ctx.fit(candidate, **self.fit_options(), loss=loss)
