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

    Family: training
    Source: Han, Pool, Tran, Dally 2015, https://arxiv.org/abs/1506.02626
    """

    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})

    epochs: int = Field(2, ge=1, le=200, title="Epochs", description="passes over the training images")

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train the candidate on."""
        return ctx.fit(candidate, **self.fit_options())
