"""Teach a new network of the same shape with the trained one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.techniques.distillation._teaching import Alpha, Distils, Temperature

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["SelfDistillation"]


class SelfDistillation(Distils):
    """Self-distillation: the trained network teaches a new one of its own shape, which teaches the next.

    The last generation is kept. It has the size and the speed of the first, and is often the more accurate one. Each
    begins with fresh random weights, as in the paper. So it does after pruning, too: layers keep the widths that were
    left to them and weights that were removed stay removed, but the values of those that were kept are forgotten. Where
    few single weights are left they are hard to train from scratch: there distil from the dense network instead. Frozen
    blocks keep the weights they have. The loss is that of `distill`.

    Pays: where accuracy may cost a training for each generation and nothing was cut: the paper's DenseNets err less on
        CIFAR-100 than those that taught them. Not after pruning: mnist_cnn without 80 % of its channels has 92.1 % on
        validation after fine_tune and 91.8 % after as many epochs of this (the bank, one seed).
    Family: distillation
    Source: born-again networks, Furlanello et al. 2018, https://arxiv.org/abs/1805.04770
    """

    version: ClassVar[int] = 4
    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights"})

    epochs: int = Field(5, ge=1, le=200, title="Epochs", description="passes over the training images, per generation")
    generations: int = Field(1, ge=1, le=10, title="Generations", description="networks that are trained one by one")
    temperature: Temperature = 1.0
    alpha: Alpha = 0.5

    @property
    def training_epochs(self) -> int:
        """Passes over the training images of all generations."""
        return self.generations * self.epochs

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train one generation after the other."""
        from greenai_core.techniques.distillation._soft import soft_and_hard, soften

        for _ in range(self.generations):
            teacher = copy.deepcopy(candidate.model).eval()
            answers = self.answers(soften(teacher, self.temperature), ctx)
            loss = soft_and_hard(answers, self.temperature, self.alpha)
            candidate = ctx.fit(_reborn(candidate), **self.fit_options(), loss=loss)
        return candidate


def _reborn(candidate: Candidate) -> Candidate:
    """Return a copy with fresh weights, as torch draws them for each layer, that keeps the constraints."""
    from dataclasses import replace

    from greenai_core.constraints.frozen import layers

    model: nn.Module = copy.deepcopy(candidate.model)
    frozen = layers(model, candidate.constraints)
    for layer in model.modules():
        if layer not in frozen and (reset := getattr(layer, "reset_parameters", None)):
            reset()
    for constraint in candidate.constraints:
        constraint.project(model)
    return replace(candidate, model=model)
