"""Cut channels at random."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenai_core.techniques.structured_pruning._channel_pruning import ChannelPruning

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.context import Context
    from greenai_core.techniques.structured_pruning._cutting import Importance

__all__ = ["RandomChannelPruning"]


class RandomChannelPruning(ChannelPruning):
    """Random channel pruning: remove channels drawn at random; what a criterion is worth is what it does better.

    The channels, and the inputs of the next layer that they fed, are physically gone, as with the other criteria: file,
    multiplications and time are the same at the same sparsity per layer, and fine-tuning often makes up for most of
    the difference in accuracy. Per layer, n channels become n - floor(n * sparsity). In the global scope each channel
    has the same chance, so that layers lose about the same fraction; a preview is approximate.

    Pays: as the control of an experiment, not as a way to a network: what a criterion is worth is what it does better
        at the same bytes and time. In the bank that is little: mnist_cnn without 80 % of its channels has 92.2 % on
        validation, against 92.1 % by the L1 norm and 92.8 % by Taylor expansion (one seed).
    Family: structured pruning
    Source: Mittal, Bhardwaj, Khapra, Ravindran 2018, https://arxiv.org/abs/1801.10447; cut with torch-pruning, Fang et
        al. 2023, https://arxiv.org/abs/2301.12900
    """

    def importance(self, model: nn.Module, ctx: Context) -> Importance:
        """Draw a number for each channel."""
        import torch

        return lambda group: torch.rand(group.channels, generator=ctx.rng)
