"""Teach a network with what several teachers say on average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from greenai_core.spec import Teacher
from greenai_core.techniques.distillation._teaching import Alpha, Distils, Temperature, a_teacher

if TYPE_CHECKING:
    import torch
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["MultiTeacherDistillation"]


class MultiTeacherDistillation(Distils):
    """Multi-teacher distillation: train a student on the mean of several teachers' softened probabilities.

    loss = alpha * T^2 * KL(mean of softmax(teacher / T) || softmax(student / T)) + (1 - alpha) * cross-entropy. The
    teachers' joules are part of the student's.

    Pays: where several teachers are about equally good and err on different images: an ensemble errs less than its
        members, and the student costs as little to run as with one teacher. Not with a weaker one among them: a lenet5
        beside the mnist_cnn gives 91.9 % on validation where distill from the mnist_cnn gives 92.3 % (the bank,
        mnist_cnn without 80 % of its channels, one seed), and making it costs the joules of all teachers.
    Family: distillation
    Source: You, Xu, Xu, Tao 2017, https://doi.org/10.1145/3097983.3098135; weights, Fukuda et al. 2017,
        https://doi.org/10.21437/Interspeech.2017-614
    """

    temperature: Temperature = 4.0
    alpha: Alpha = 0.9
    weights: Literal["equal", "accuracy"] = Field(
        "equal", title="Weights", description="of the teachers: all alike, or in proportion to validation accuracy"
    )
    teachers: tuple[Teacher, ...] = Field(
        default_factory=lambda: (a_teacher("mnist_cnn"), a_teacher("lenet5")),
        min_length=2,
        max_length=8,
        title="Teachers",
        description="model and recipe of each; data set and seed are those of the run unless stated",
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train the candidate on the mean of the teachers' outputs."""
        from greenai_core.techniques.distillation._soft import ensemble, soft_and_hard, soften

        members = [ctx.teacher(teacher) for teacher in self.teachers]
        ask = ensemble([soften(member, self.temperature) for member in members], self._shares(members, ctx))
        loss = soft_and_hard(self.answers(ask, ctx), self.temperature, self.alpha)
        return ctx.fit(candidate, **self.fit_options(), loss=loss)

    def _shares(self, members: list[nn.Module], ctx: Context) -> torch.Tensor:
        """Return the weight of each teacher; they add up to 1."""
        import torch

        from greenai_core.training import accuracy_of

        if self.weights == "equal":
            return torch.full((len(members),), 1 / len(members))
        val = ctx.data.val
        found = torch.tensor([accuracy_of(member, "fp32", val.images, val.labels) for member in members])
        return found / found.sum()
