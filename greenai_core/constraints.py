"""What later training must keep: weights that stay zero, weights that are shared, weights that are frozen.

Each holds plain tensors, so that a checkpoint can store it, and is found by its `kind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, eq=False)
class Constraint:
    """Something that later training must keep, about the parameters that `by_name` names."""

    by_name: Mapping[str, torch.Tensor]

    kind: ClassVar[str]
    """Name under which checkpoints store it."""
    packs: ClassVar[bool] = False
    """Whether `pack` makes the deployed file smaller."""

    def share_gradients(self, model: nn.Module) -> None:
        """Change the gradients before an optimizer step, where parameters are to move together."""

    def project(self, model: nn.Module) -> None:
        """Put the parameters of `model` back where the constraint holds; called after each optimizer step."""

    def pack(self, file: onnx.ModelProto) -> None:
        """Write the named parameters of a deployed file, in place, as briefly as the constraint allows."""

    def saved_bytes(self, model: nn.Module) -> int:
        """Return by how many bytes `pack` makes a file smaller."""
        return 0


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


def of_kind(kind: str) -> type[Constraint]:
    """Return the class of a kind.

    Raises:
        StopIteration: there is none.
    """
    return next(cls for cls in Constraint.__subclasses__() if cls.kind == kind)
