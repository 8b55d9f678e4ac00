"""What flows through a recipe: a model, what later training must keep, and the file it may have become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenai_core.constraints import Constraint

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Artifact:
    """A deployed file: what a candidate is once it has left floating-point torch.

    `format` is "onnx", or "coded" for an ONNX file whose tensors are entropy coded (`greenai_core.runtime`).
    """

    format: str
    content: bytes


@dataclass(frozen=True)
class Candidate:
    """A model on its way through a recipe.

    While `artifact` is None the torch model is the truth; afterwards the file is, and the model tells what it was
    made of.
    """

    model: nn.Module
    constraints: tuple[Constraint, ...] = ()
    artifact: Artifact | None = None
