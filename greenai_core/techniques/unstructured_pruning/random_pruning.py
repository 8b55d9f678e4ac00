"""Zero weights at random, to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenai_core.techniques.unstructured_pruning._gradual import Gradual

if TYPE_CHECKING:
    import torch

    from greenai_core.context import Context

__all__ = ["RandomPruning"]


class RandomPruning(Gradual):
    """Random pruning: set weights that are drawn at random to zero and keep them there.

    The draw follows from the run's seed. floor(n * sparsity) of the n weights become zero; later training keeps them
    so.

    Pays: as a control only: what a criterion is worth is the accuracy that it keeps beyond this one, which leaves 92.2
        % on validation to mnist_cnn without half of its weights, where magnitude_pruning leaves 93.0 % without 90 %
        (the bank, one seed). The tensors keep their shape: the plain file and the time stay what they were, only a
        compressed file shrinks.
    Family: unstructured pruning
    Source: a baseline in Blalock, Gonzalez Ortiz, Frankle, Guttag 2020, https://arxiv.org/abs/2003.03033
    """

    def importance(self, weight: torch.Tensor, ctx: Context) -> torch.Tensor:
        """Draw the importance of each weight."""
        import torch

        return torch.rand(weight.shape, generator=ctx.rng).to(weight.device)
