"""The fields and the course of pruning that removes groups of weights, at once or little by little."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.techniques._base import Technique

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

Scope = Literal["global", "per_layer"]
SCOPE = (
    "global: ranked over the whole network, so that layers lose different shares; per_layer: each layer loses the same "
    "share"
)


class Gradual(Technique):
    """Removes the least important groups of weights; a subclass says what a group is, and what is important."""

    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"dense"})

    sparsity: float = Field(
        0.5, ge=0, le=0.99, title="Sparsity", description="fraction of all weights that become zero"
    )
    scope: Scope = Field("global", title="Scope", description=SCOPE)
    schedule: Literal["one_shot", "cubic"] = Field(
        "one_shot",
        title="Schedule",
        description="one_shot: all at once, without training; cubic: in steps that become smaller, with training "
        "between them (Zhu and Gupta 2017, https://arxiv.org/abs/1710.01878)",
    )
    steps: int = Field(
        4,
        ge=2,
        le=100,
        title="Steps",
        description="of the cubic schedule; one_shot takes one",
        json_schema_extra={"applies_with": {"schedule": "cubic"}},
    )
    epochs_per_step: int = Field(
        1,
        ge=1,
        le=50,
        title="Epochs per step",
        description="training after each step of the cubic schedule but the last",
        json_schema_extra={"applies_with": {"schedule": "cubic"}},
    )
    lr: float = Field(
        3e-4,
        gt=0,
        le=1,
        title="Peak learning rate",
        description="of the training between the steps of cubic",
        json_schema_extra={"applies_with": {"schedule": "cubic"}},
    )

    @property
    def training_epochs(self) -> int:
        """Epochs between the steps; what follows the last one is left to a stage of its own."""
        return (self.steps - 1) * self.epochs_per_step if self.schedule == "cubic" else 0

    def groups(self, weight: torch.Tensor) -> torch.Tensor | None:
        """Return the number of each weight's group, from 0; None: the tensor is left alone."""
        from greenai_core.techniques.unstructured_pruning._masking import singles

        return singles(weight)

    def importance(self, weight: torch.Tensor, ctx: Context) -> torch.Tensor:
        """Return how important each weight is, not negative."""
        return weight.abs()

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Remove groups of weights, step by step if asked to."""
        from greenai_core.techniques.unstructured_pruning._masking import prune, weights_of

        grouped = {name: self.groups(weight) for name, weight in weights_of(candidate.model).items()}
        groups = {name: ids for name, ids in grouped.items() if ids is not None}
        for index, sparsity in enumerate(self._sparsities(candidate, groups)):
            if index:
                candidate = ctx.fit(candidate, epochs=self.epochs_per_step, lr=self.lr)
            importance = {name: self.importance(weight, ctx) for name, weight in weights_of(candidate.model).items()}
            candidate = prune(candidate, groups, importance, sparsity, self.scope)
        return candidate

    def _sparsities(self, candidate: Candidate, groups: Mapping[str, torch.Tensor]) -> list[float]:
        """Return the sparsity after each step, from that of groups of which some may be removed already."""
        from greenai_core.techniques.unstructured_pruning._masking import removed_part

        if self.schedule == "one_shot":
            return [self.sparsity]
        rise = min(removed_part(candidate, groups), self.sparsity) - self.sparsity
        return [self.sparsity + rise * (1 - step / self.steps) ** 3 for step in range(1, self.steps + 1)]
