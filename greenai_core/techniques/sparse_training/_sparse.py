"""What the trainings that drive weights to zero have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.techniques._base import Trains

if TYPE_CHECKING:
    import torch
    from torch import nn


class TrainsSparsely(Trains):
    """Trains single weights, or all weights of an output channel together, towards zero."""

    needs: ClassVar[frozenset[Fact]] = frozenset({"trainable", "float_weights"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"untrained", "dense"})

    epochs: int = Field(10, ge=1, le=200, title="Epochs", description="passes over the training images")
    group: Literal["weight", "channel"] = Field(
        "weight",
        title="Group",
        description="what becomes zero together: nothing (single weights), or the weights of an output channel; the "
        "last layer's channels are the classes and stay",
    )

    def weights(self, model: nn.Module) -> dict[str, torch.Tensor]:
        """Return the weights that may become zero by name, in the order of the layers."""
        from greenai_core.techniques.unstructured_pruning._masking import weights_of

        weights = weights_of(model)
        if self.group == "channel":
            weights.popitem()
        return weights
