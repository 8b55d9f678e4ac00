"""Weights that are one of few values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from greenai_core.constraints._shared import Groups, Shared, unfolded_bytes

if TYPE_CHECKING:
    import onnx

__all__ = ["Codebook"]

MOST = 256
"""A table of so many values has indices of one byte."""


@dataclass(frozen=True, eq=False)
class Codebook(Shared):
    """Weights that are shared: per parameter name a uint8 tensor of its shape, the centroid of each weight."""

    kind: ClassVar[str] = "codebook"
    packs: ClassVar[bool] = True

    def groups(self, name: str, shape: torch.Size) -> Groups:
        """Return the centroids as groups."""
        of = self.by_name[name].flatten().long()
        return Groups(of, None, int(of.max()) + 1)

    def pack(self, file: onnx.ModelProto) -> None:
        """Write each parameter as a table of its values and the indices into it, where that is smaller."""
        import numpy as np

        from greenai_core import packing

        for name in self.by_name:
            stored = packing.stored_name(file, name)
            if stored is None:
                continue
            weights = packing.read(file, stored)
            # What the file holds and not the indices: a later stage may have set some of the shared weights to zero.
            codebook, indices = np.unique(weights.ravel(), return_inverse=True)
            if _pays(weights.size, len(codebook)):
                bits = packing.bits_for(len(codebook))
                packing.as_codebook(file, stored, codebook, indices.astype(np.uint8), bits, weights.shape)

    def saved_bytes(self, model: nn.Module) -> int:
        """Return by how many bytes `pack` makes a file smaller."""
        import numpy as np
        import onnx

        from greenai_core import packing

        structure, saved = onnx.ModelProto(), 0
        for name, of in self.by_name.items():
            size, values = of.numel(), int(of.max()) + 1
            if _pays(size, values):
                bits = packing.bits_for(values)
                packing.as_codebook(
                    structure, name, np.zeros(values, np.float32), np.zeros(0, np.uint8), bits, of.shape
                )
                saved += 4 * size - packing.packed_bytes(size, bits)
        return saved - int(structure.ByteSize()) - unfolded_bytes(model)


def _pays(size: int, values: int) -> bool:
    """Return whether indices into so many values are smaller than so many weights."""
    from greenai_core import packing

    packed = packing.packed_bytes(size, packing.bits_for(values)) + 4 * values if values <= MOST else 4 * size
    return packing.pays(packed, 4 * size)
