"""Zero whole kernels of convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.techniques.unstructured_pruning._gradual import SCOPE, Gradual, Scope

if TYPE_CHECKING:
    import torch

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["KernelPruning"]


class KernelPruning(Gradual):
    """Kernel pruning: set whole 2-D kernels of convolutions to zero, those of least mean magnitude.

    A kernel joins one input channel to one output channel; of a 1x1 convolution it is a single weight. floor(n *
    sparsity) of the n kernels become zero; later training keeps them so. Linear layers are left alone. Ranked over the
    whole network, all kernels of a depthwise convolution may go, whose weights are small next to those of 1x1
    convolutions.

    Pays: where convolutions hold the weights and the file is coded afterwards, and not in mnist_cnn: half of its
        kernels, less than 1 % of its weights, cost more (92.6 % on validation are left) than 90 % of all by
        magnitude_pruning (93.0 %; the bank, one seed). The tensors keep their shape: the plain file and the time stay
        what they were; a compressed file shrinks, and more than with as many single weights, because zeros lie
        together.
    Family: unstructured pruning
    Source: Mao et al. 2017, https://arxiv.org/abs/1705.08922
    """

    sparsity: float = Field(
        0.5, ge=0, le=0.99, title="Sparsity", description="fraction of the convolutions' kernels that become zero"
    )
    scope: Scope = Field("per_layer", title="Scope", description=SCOPE)

    def groups(self, weight: torch.Tensor) -> torch.Tensor | None:
        """Number the kernels of a convolution."""
        from greenai_core.techniques.unstructured_pruning._masking import singles

        return singles(weight[..., 0, 0])[..., None, None].expand_as(weight) if weight.dim() == 4 else None

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Remove kernels, step by step if asked to."""
        from greenai_core.acceleration import has_convolutions

        if not has_convolutions(candidate.model):
            raise BadInput(
                "recipe: kernel_pruning needs a model with convolutions; this one has none. "
                "Choose vector_pruning, or a convolutional model."
            )
        return super().apply(candidate, ctx)
