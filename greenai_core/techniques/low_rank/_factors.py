"""What the low-rank techniques share: how a rank is chosen, and how a layer gives way to a product of layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.techniques._base import Technique

if TYPE_CHECKING:
    import torch
    from torch import nn

    from greenai_core.candidate import Candidate


class LowRank(Technique):
    """The fields that say which rank a layer gets."""

    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights", "dense"})

    rank_by: Literal["ratio", "energy"] = Field(
        "ratio",
        title="Rank by",
        description="ratio: a fraction of the full rank; energy: as many components as keep so much of the weights",
    )
    ratio: float = Field(
        0.25,
        gt=0,
        le=1,
        title="Rank ratio",
        description="rank as a fraction of the full one, where it goes by ratio",
        json_schema_extra={"applies_with": {"rank_by": "ratio"}},
    )
    energy: float = Field(
        0.9,
        gt=0,
        le=1,
        title="Energy kept",
        description="sum of the squared singular values that is kept, as a fraction, where the rank goes by energy",
        json_schema_extra={"applies_with": {"rank_by": "energy"}},
    )

    def rank(self, matrix: torch.Tensor) -> int:
        """Return the rank that a matrix (rows, columns) gets, at least 1."""
        import torch

        full = min(matrix.shape)
        if self.rank_by == "ratio":
            return max(1, round(self.ratio * full))
        squares = torch.linalg.svdvals(matrix.double()).square()
        kept = squares.cumsum(0) / squares.sum().clamp_min(torch.finfo(torch.float64).tiny)
        return min(full, int((kept < self.energy).sum()) + 1)

    def replace_layers(
        self, candidate: Candidate, kind: type[nn.Module], factors: Callable[[Any], nn.Module | None]
    ) -> Candidate:
        """Return the candidate with the factors of each layer of a kind in the layer's place.

        The layer that gives the logits stays: its rank is at most the number of classes, and all of it is needed.

        Args:
            candidate: left as it is.
            kind: class of the layers.
            factors: gives the layers that take a layer's place; None where they would be no smaller.

        Raises:
            BadInput: no layer would become smaller.
        """
        from torch import nn

        model = copy.deepcopy(candidate.model)
        weighted = [(n, part) for n, part in model.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
        found = {name: layer for name, layer in weighted[:-1] if isinstance(layer, kind)}
        smaller = {name: part for name, layer in found.items() if (part := factors(layer)) is not None}
        if not smaller:
            cure = "a lower rank, or another model" if found else "another model, such as mnist_cnn"
            raise BadInput(
                f"recipe: {self.name} finds no {kind.__name__} layer, beside the one that gives the logits, that a "
                f"product of this rank would make smaller; choose {cure}."
            )
        for name, part in smaller.items():
            owner, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(owner), leaf, part)
        return replace(candidate, model=model)
