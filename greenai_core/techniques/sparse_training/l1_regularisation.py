"""Train with an L1 penalty, then drop the weights that have become small."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.techniques.sparse_training._sparse import TrainsSparsely
from greenai_core.techniques.structured_pruning._channel_pruning import CAP
from greenai_core.techniques.unstructured_pruning._gradual import SCOPE, Scope

if TYPE_CHECKING:
    import torch
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["L1Regularisation"]


class L1Regularisation(TrainsSparsely):
    """L1 regularisation: train with the L1 norm of the weights in the loss, then set the smallest ones to zero.

    The penalty draws weights towards zero while the network learns to do without them, so that the cut at the end costs
    little; without it, that is magnitude_pruning. With groups of channels the penalty is the group lasso, the sum of
    sqrt(n) times the L2 norm of each group of n weights; in the global scope the magnitudes of channels are divided by
    their layer's mean before they compete, and no layer loses more than nine tenths, or `sparsity` if that is more.
    Later training keeps the zeros. A preview counts them exactly, but for channels in the global scope and for what
    `threshold` removes beyond `sparsity`, which depend on training.

    Pays: where zeros shall come from one training: 80 % of mnist_cnn's weights, at 92.5 % on validation for half of the
        joules that train, magnitude_pruning and fine_tune take to 90 % at 93.0 % (the bank, one seed). The tensors keep
        their shape: the plain file and the time stay what they were, only a compressed file shrinks.
    Family: sparse training
    Source: Tibshirani 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x; of channels: Wen et al. 2016,
        https://arxiv.org/abs/1608.03665
    """

    version: ClassVar[int] = 2

    l1: float = Field(1e-5, ge=0, le=1, title="L1 weight", description="weight of the penalty in the loss")
    sparsity: float = Field(
        0.8, ge=0, le=0.99, title="Sparsity", description="fraction of the weights or groups that become zero at least"
    )
    threshold: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Threshold",
        description="what is smaller than this (of a group: the mean magnitude) becomes zero as well",
    )
    scope: Scope = Field("global", title="Scope", description=SCOPE)

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train with the penalty, then mask what is small."""
        from greenai_core.techniques import _norms
        from greenai_core.techniques.unstructured_pruning import _masking

        names, channels = tuple(self.weights(candidate.model)), self.group == "channel"
        norm = _group_norm if channels else _norms.l1

        def penalty(model: nn.Module) -> torch.Tensor:
            return self.l1 * norm([model.get_parameter(name) for name in names])

        trained = ctx.fit(candidate, **self.fit_options(), penalty=penalty)
        weights = self.weights(trained.model)
        number = _masking.channels if channels else _masking.singles
        groups = {name: number(weight) for name, weight in weights.items()}
        magnitudes = {name: weight.abs() for name, weight in weights.items()}
        importance = {name: _relative(each) for name, each in magnitudes.items()} if channels else magnitudes
        cap = max(CAP, self.sparsity) if channels else 1.0
        pruned = _masking.prune(trained, groups, importance, self.sparsity, self.scope, cap)
        means = {name: _masking.means(groups[name], magnitude) for name, magnitude in magnitudes.items()}
        return _masking.masked(pruned, {name: (means[name] >= self.threshold)[groups[name]] for name in names})


def _relative(magnitude: torch.Tensor) -> torch.Tensor:
    """Divide magnitudes by their mean, as those of wide layers are small by themselves."""
    import torch

    return magnitude / magnitude.mean().clamp_min(torch.finfo(magnitude.dtype).tiny)


def _group_norm(weights: list[torch.Tensor]) -> torch.Tensor:
    """Return the sum over output channels of sqrt(n) times the L2 norm of their n weights."""
    import torch

    rows = [weight.flatten(1) for weight in weights]
    return torch.stack([row.shape[1] ** 0.5 * row.norm(dim=1).sum() for row in rows]).sum()
