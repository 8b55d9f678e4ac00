"""Teach a small network with the outputs of a large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenai_core.techniques.distillation._teaching import Alpha, Taught, Temperature

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["Distill"]


class Distill(Taught):
    """Distillation: train a student on a teacher's softened outputs and on the labels.

    loss = alpha * T^2 * KL(softmax(teacher / T) || softmax(student / T)) + (1 - alpha) * cross-entropy. alpha weighs
    the soft loss; T^2 keeps the size of its gradient when the temperature changes. After a pruning stage, with the
    network before it as the teacher, it takes the place of fine-tuning; what was cut stays cut.

    Pays: where the student is too small to learn as much from labels alone: mlp_student gains 0.5 points on validation
        (the bank; five seeds, whose intervals overlap) at 19 times the joules, nearly all of them the teacher's.
        Little where it learns well by itself: after a cut of 80 % of mnist_cnn's channels three epochs end at 92.3 %,
        those of fine_tune at 92.1 % (the bank, one seed).
    Family: distillation
    Source: Hinton, Vinyals, Dean 2015, https://arxiv.org/abs/1503.02531
    """

    temperature: Temperature = 4.0
    alpha: Alpha = 0.9

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train the candidate on the teacher's outputs."""
        from greenai_core.techniques.distillation._soft import soft_and_hard, soften

        answers = self.answers(soften(ctx.teacher(self.teacher), self.temperature), ctx)
        return ctx.fit(candidate, **self.fit_options(), loss=soft_and_hard(answers, self.temperature, self.alpha))
