"""What all techniques that cut channels have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.techniques._base import Technique

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context
    from greenai_core.techniques.structured_pruning._cutting import Importance

CAP = 0.9
"""What a layer loses at most, where channels of all layers compete."""


class ChannelPruning(Technique):
    """Cuts channels by an importance; the fields say how many."""

    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights", "dense"})

    sparsity: float = Field(
        0.5, ge=0, le=0.99, title="Sparsity", description="fraction of each convolution's output channels to remove"
    )
    scope: Literal["per_layer", "global"] = Field(
        "per_layer",
        title="Scope",
        description="per_layer: the same fraction of every layer; global: that fraction of all channels, the least "
        "important ones wherever they are",
    )
    cap: float = Field(
        CAP,
        ge=0,
        le=0.99,
        title="Cap",
        description="largest fraction that one layer loses, where the scope is global",
        json_schema_extra={"applies_with": {"scope": "global"}},
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Cut the least important channels."""
        from functools import partial

        from greenai_core.techniques._amounts import everywhere, per_layer
        from greenai_core.techniques.structured_pruning._cutting import cut

        self.check(candidate.model)
        amount = (
            partial(per_layer, sparsity=self.sparsity)
            if self.scope == "per_layer"
            else partial(everywhere, sparsity=self.sparsity, cap=self.cap)
        )
        importance = self.importance(candidate.model, ctx)
        return replace(candidate, model=cut(candidate.model, importance, amount, ctx.data.input_shape))

    @abstractmethod
    def importance(self, model: nn.Module, ctx: Context) -> Importance:
        """Return what the channels of `model` are worth."""

    def check(self, model: nn.Module) -> None:
        """Check that `model` has what is cut.

        Raises:
            BadInput: it has not.
        """
        check_convolutions(self, model)


def check_convolutions(technique: Technique, model: nn.Module) -> None:
    """Raise `BadInput` where `model` has no convolution."""
    from torch import nn

    if not any(isinstance(module, nn.Conv2d) for module in model.modules()):
        raise BadInput(
            f"recipe: {technique.name} needs a model with convolutions; this one has none. "
            "Choose magnitude_pruning, or a convolutional model."
        )


def check_norms(technique: Technique, model: nn.Module) -> None:
    """Raise `BadInput` where `model` has no batch normalisation."""
    from torch import nn

    if not any(isinstance(module, nn.BatchNorm2d) for module in model.modules()):
        raise BadInput(
            f"recipe: {technique.name} needs a model with batch normalisation; this one has none. "
            "Choose l1_channel_pruning, or a model such as resnet20 or plain_cnn."
        )
