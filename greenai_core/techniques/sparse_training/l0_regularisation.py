"""Train gates in front of weights, with a price on each that is open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.techniques.sparse_training._sparse import TrainsSparsely

if TYPE_CHECKING:
    import torch
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["L0Regularisation"]


class L0Regularisation(TrainsSparsely):
    """L0 regularisation: learn which weights to keep, with gates that open and close at random while they learn.

    Each weight or output channel is multiplied by a gate of the hard concrete distribution; the loss adds the expected
    fraction of weights that are kept. Training alone decides how many remain: raise `l0` for fewer. At the end the
    gates are multiplied into the weights, and what they closed stays zero in later training. A preview counts every
    weight as kept, which is the most that can remain.

    Pays: where training itself shall find out how many weights are needed: 8 % of mnist_cnn's are left after five
        epochs, at 91.6 % on validation; where the number is given, magnitude_pruning keeps 10 % at 93.0 %, for a fifth
        more joules (the bank, one seed). The tensors keep their shape: the plain file and the time stay what they were,
        only a compressed file shrinks.
    Family: sparse training
    Source: Louizos, Welling, Kingma 2018, https://arxiv.org/abs/1712.01312
    """

    needs: ClassVar[frozenset[Fact]] = TrainsSparsely.needs | {"dense"}

    l0: float = Field(
        3.0, ge=0, le=1000, title="L0 weight", description="what keeping all weights costs, in units of the loss"
    )
    gate_speed: float = Field(
        100.0,
        ge=1,
        le=1000,
        title="Gate speed",
        description="how many times faster gates learn than weights; trainings of thousands of steps need less",
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train with gates, then make them permanent."""
        from greenai_core.techniques.sparse_training._gates import expected_share, gated
        from greenai_core.techniques.unstructured_pruning._masking import masked

        _check(candidate)
        shapes = {name: self._gate_shape(weight) for name, weight in self.weights(candidate.model).items()}

        def penalty(model: nn.Module) -> torch.Tensor:
            return self.l0 * expected_share(model)

        within = partial(gated, shapes=shapes, speed=self.gate_speed)
        trained = ctx.fit(candidate, **self.fit_options(), penalty=penalty, within=within)
        return masked(trained, {name: weight != 0 for name, weight in self.weights(trained.model).items()})

    def _gate_shape(self, weight: torch.Tensor) -> tuple[int, ...]:
        return tuple(weight.shape) if self.group == "weight" else (len(weight), *[1] * (weight.dim() - 1))


def _check(candidate: Candidate) -> None:
    """Check that gates can stand before all weights of a candidate.

    Raises:
        BadInput: they cannot.
    """
    from torch import nn

    if any(isinstance(module, nn.RNNBase) for module in candidate.model.modules()):
        raise BadInput(
            "recipe: l0_regularisation needs a model without recurrent layers, which read their weights past the "
            "gates; choose l1_regularisation, or another model."
        )
    if candidate.constraints:
        raise BadInput(
            "recipe: l0_regularisation needs weights that no earlier stage masked, shared or froze; put it before that "
            "stage."
        )
