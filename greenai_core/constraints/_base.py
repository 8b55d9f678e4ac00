"""The contract of a constraint."""

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
    """Name under which checkpoints store it: that of its module."""
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

    def stored(self, model: nn.Module) -> Mapping[str, torch.Tensor]:
        """Return, by the name of a parameter, the fewer values that are kept in its place; a hash tells the rest."""
        return {}
