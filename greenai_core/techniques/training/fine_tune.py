"""Train on, after a model was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.techniques._base import Trains

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["FineTune"]


class FineTune(Trains):
    """Fine-tune: train a changed network on, so that what is left makes up for what was taken.

    Masks and other constraints of earlier stages are kept.

    Pays: after a cut or a factorisation, whose loss a few epochs mostly make up for: in the paper AlexNet keeps its
        accuracy with a ninth of its weights. Not after a stage that loses next to nothing: kmeans_codebook of 4 bits
        keeps 93.3 of 93.4 % on validation without it (the bank, one seed).
    Family: training
    Source: Han, Pool, Tran, Dally 2015, https://arxiv.org/abs/1506.02626
    """

    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})

    epochs: int = Field(2, ge=1, le=200, title="Epochs", description="passes over the training images")

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train the candidate on."""
        return ctx.fit(candidate, **self.fit_options())
