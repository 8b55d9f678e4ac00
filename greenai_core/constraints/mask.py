"""Weights that stay zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from greenai_core.constraints._base import Constraint

__all__ = ["Mask"]


@dataclass(frozen=True, eq=False)
class Mask(Constraint):
    """Weights that stay zero: per parameter name a bool tensor of its shape, True where the weight is kept."""

    kind: ClassVar[str] = "mask"

    @torch.no_grad()
    def project(self, model: nn.Module) -> None:
        """Set the removed weights to zero."""
        for name, keep in self.by_name.items():
            model.get_parameter(name).mul_(keep)

    def and_also(self, earlier: Constraint) -> Mask:
        """Return the mask that keeps what both keep; parameters that one of them does not name stay as they are."""
        return Mask({**earlier.by_name, **{n: keep & earlier.by_name.get(n, keep) for n, keep in self.by_name.items()}})
