"""Zero the smallest weights of the whole network."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.techniques._base import Technique

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["MagnitudePruning"]


class MagnitudePruning(Technique):
    """Magnitude pruning: set the smallest weights of the whole network to zero and keep them there.

    floor(n * sparsity) of the n weights of convolutions and linear layers become zero; later training keeps them so.
    The tensors keep their shape: the plain file and the time stay what they were, only a compressed file shrinks.

    Family: unstructured pruning
    Source: Han, Pool, Tran, Dally 2015, https://arxiv.org/abs/1506.02626
    """

    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"dense"})

    sparsity: float = Field(
        0.5, ge=0, le=0.99, title="Sparsity", description="fraction of all weights that become zero"
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Mask the smallest weights."""
        import torch

        from greenai_core.constraints import Mask
        from greenai_core.techniques._dropout import connections, rescale_dropout

        def nonzero(layer: nn.Module) -> float:
            return float(layer.weight.count_nonzero())  # type: ignore[operator]

        model = copy.deepcopy(candidate.model)
        before = connections(model, nonzero)
        weights = {f"{name}.weight": model.get_parameter(f"{name}.weight").detach() for name in before}
        magnitudes = torch.cat([weight.abs().flatten() for weight in weights.values()])
        removed = torch.zeros(len(magnitudes), dtype=torch.bool, device=magnitudes.device)
        # Positions rather than a threshold: ties would remove more than was asked for.
        removed[magnitudes.argsort(stable=True)[: math.floor(len(magnitudes) * self.sparsity)]] = True
        parts = removed.split([weight.numel() for weight in weights.values()])
        kept = {name: ~part.view_as(weights[name]) for name, part in zip(weights, parts, strict=True)}
        mask = Mask(kept)
        for constraint in candidate.constraints:  # what was removed stays removed, also where less is asked for now
            mask = mask.and_also(constraint) if isinstance(constraint, Mask) else mask
        mask.project(model)
        rescale_dropout(model, nonzero, before)
        others = [constraint for constraint in candidate.constraints if not isinstance(constraint, Mask)]
        return replace(candidate, model=model, constraints=(*others, mask))
