"""What flows through a recipe: a model, what later training must keep, and the file it may have become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import nn


class Constraint(Protocol):
    """Something that later training must keep; plain tensors, so that a checkpoint can hold it."""

    @property
    def kind(self) -> str:
        """Name under which checkpoints store it."""
        ...

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Return what must be stored, by parameter name."""
        ...

    def project(self, model: nn.Module) -> None:
        """Put the parameters of `model` back where the constraint holds; called after each optimizer step."""
        ...


@dataclass(frozen=True)
class Mask:
    """Weights that stay zero: per parameter name a bool tensor of its shape, True where the weight is kept."""

    keep: Mapping[str, torch.Tensor]
    kind: str = "mask"

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Return the masks by parameter name."""
        return self.keep

    @torch.no_grad()
    def project(self, model: nn.Module) -> None:
        """Set the removed weights to zero."""
        for name, keep in self.keep.items():
            model.get_parameter(name).mul_(keep)


CONSTRAINTS = {"mask": Mask}
"""How a checkpoint's constraint is rebuilt from its kind and tensors."""


@dataclass(frozen=True)
class Artifact:
    """A deployed file: what a candidate is once it has left floating-point torch."""

    format: str
    path: Path
    runtime: str


@dataclass(frozen=True)
class Candidate:
    """A model on its way through a recipe; `artifact` is None while the torch model is the truth."""

    model: nn.Module
    constraints: tuple[Constraint, ...] = ()
    artifact: Artifact | None = None
