"""Zero short rows of neighbouring weights."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from greenai_core.techniques.unstructured_pruning._gradual import SCOPE, Gradual, Scope

if TYPE_CHECKING:
    import torch

__all__ = ["VectorPruning"]

AXES = {"input": 1, "column": 2, "row": 3}
"""Place in the shape (out, in, rows, columns) of a convolution along which a vector lies."""


class VectorPruning(Gradual):
    """Vector pruning: set short runs of neighbouring weights to zero, those of least mean magnitude.

    floor(n * sparsity) of the n runs become zero; later training keeps them so. Coarser than single weights, finer than
    kernels: it costs some accuracy and needs fewer positions to be stored.

    Pays: where the file is coded afterwards and its zeros shall lie together, at a price: half of mnist_cnn's weights
        cost as much (93.0 % on validation are left) as 90 % by magnitude_pruning (the bank, one seed). The tensors keep
        their shape: the plain file and the time stay what they were, only a compressed file shrinks.
    Family: unstructured pruning
    Source: Mao et al. 2017, https://arxiv.org/abs/1705.08922
    """

    sparsity: float = Field(0.5, ge=0, le=0.99, title="Sparsity", description="fraction of the runs that become zero")
    scope: Scope = Field("per_layer", title="Scope", description=SCOPE)
    axis: Literal["row", "column", "input"] = Field(
        "row",
        title="Axis",
        description="along which a run lies in a convolution: a row or a column of a kernel, or the input channels; "
        "in linear and recurrent layers always the inputs",
    )
    length: int = Field(
        4, ge=2, le=1024, title="Length", description="weights of a run; what is left at the end of an axis is shorter"
    )

    def groups(self, weight: torch.Tensor) -> torch.Tensor:
        """Number the runs."""
        from greenai_core.techniques.unstructured_pruning._masking import singles

        axis = AXES[self.axis] if weight.dim() == 4 else AXES["input"]
        width = weight.shape[axis]
        runs = singles(weight.narrow(axis, 0, ceil(width / self.length)))
        return runs.repeat_interleave(self.length, axis).narrow(axis, 0, width)
