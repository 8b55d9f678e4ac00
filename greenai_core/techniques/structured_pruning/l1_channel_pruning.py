"""Cut the channels of least L1 norm out of every convolution."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.techniques._base import Technique

if TYPE_CHECKING:
    import torch
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["L1ChannelPruning"]


class L1ChannelPruning(Technique):
    """L1 channel pruning: remove the output channels of least L1 norm from every convolution, layer by layer.

    The channels, and the inputs of the next layer that they fed, are physically gone: the file, the multiplications
    and the time shrink. A layer of n channels keeps n - floor(n * sparsity). An optional phase of sparse training
    before the cut adds the L1 norm of the convolutions' weights to the loss, so that less is lost.

    Family: structured pruning
    Source: Li, Kadav, Durdanovic, Samet, Graf 2017, https://arxiv.org/abs/1608.08710; cut with torch-pruning, Fang et
        al. 2023, https://arxiv.org/abs/2301.12900
    """

    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights", "dense"})

    sparsity: float = Field(
        0.5, ge=0, le=0.99, title="Sparsity", description="fraction of each convolution's output channels to remove"
    )
    sparse_epochs: int = Field(
        0,
        ge=0,
        le=200,
        title="Sparse training epochs",
        description="epochs with the L1 term before the cut; 0: cut at once",
    )
    l1: float = Field(
        1e-5,
        ge=0,
        le=1,
        title="L1 weight",
        description="weight of the L1 norm of the convolutions in the loss of sparse training",
    )
    lr: float = Field(1e-3, gt=0, le=1, title="Peak learning rate", description="of the sparse training phase")

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train sparsely if asked to, then cut."""
        from torch import nn

        if not any(isinstance(module, nn.Conv2d) for module in candidate.model.modules()):
            raise BadInput(
                "recipe: l1_channel_pruning needs a model with convolutions; this one has none. "
                "Choose magnitude_pruning, or a convolutional model."
            )
        if self.sparse_epochs:
            candidate = ctx.fit(candidate, epochs=self.sparse_epochs, lr=self.lr, penalty=self._penalty)
        return replace(candidate, model=cut(candidate.model, self.sparsity, ctx.data.input_shape))

    def _penalty(self, model: nn.Module) -> torch.Tensor:
        import torch
        from torch import nn

        norms = [layer.weight.abs().sum() for layer in model.modules() if isinstance(layer, nn.Conv2d)]
        return self.l1 * torch.stack(norms).sum()


def cut(model: nn.Module, sparsity: float, input_shape: tuple[int, int, int]) -> nn.Module:
    """Return a copy of `model` whose convolutions keep n - floor(n * sparsity) of n channels, those of largest L1 norm.

    Layers whose channels must agree (residual sums, depthwise convolutions) are cut alike, ranked by the first of them.
    """
    import torch
    import torch_pruning as tp
    from torch import nn

    from greenai_core.techniques._dropout import connections, rescale_dropout

    def size(layer: nn.Module) -> float:
        return float(layer.weight.numel())  # type: ignore[operator]

    cut_model = copy.deepcopy(model).eval()
    before = connections(cut_model, size)
    # torch-pruning keeps int(n * (1 - ratio)); half a channel less keeps that from rounding one off.
    ratios = {
        layer: max(0.0, (math.floor(layer.out_channels * sparsity) - 0.5) / layer.out_channels)
        for layer in cut_model.modules()
        if isinstance(layer, nn.Conv2d)
    }
    with torch.enable_grad():  # torch-pruning finds the dependencies with autograd
        pruner = tp.pruner.MagnitudePruner(
            cut_model,
            torch.zeros(1, *input_shape, device=next(cut_model.parameters()).device),
            importance=tp.importance.MagnitudeImportance(p=1, group_reduction="first", normalizer=None),
            pruning_ratio=0.0,
            pruning_ratio_dict=ratios,
            ignored_layers=[layer for layer in cut_model.modules() if isinstance(layer, nn.Linear)],
        )
        pruner.step()
    rescale_dropout(cut_model, size, before)
    return cut_model.requires_grad_(True)
