"""Weights that a hash function draws from few values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from greenai_core.constraints._shared import Groups, Shared, unfolded_bytes
from greenai_core.hashing import signed_buckets

if TYPE_CHECKING:
    import onnx

__all__ = ["Hashed"]


@dataclass(frozen=True, eq=False)
class Hashed(Shared):
    """Weights that a hash draws: per parameter name int64 (5,), the hash's coefficients and the number of values.

    Source: Chen, Wilson, Tyree, Weinberger, Chen 2015, https://arxiv.org/abs/1504.04788
    """

    kind: ClassVar[str] = "hashed"
    packs: ClassVar[bool] = True

    def groups(self, name: str, shape: torch.Size) -> Groups:
        """Return the values as groups, with the sign that the hash gives each weight."""
        *coefficients, values = self.by_name[name].tolist()
        hashed = signed_buckets(shape.numel(), values, coefficients).to(self.by_name[name].device)
        return Groups(hashed % values, 1.0 - 2.0 * (hashed >= values), values)

    def stored(self, model: nn.Module) -> Mapping[str, torch.Tensor]:
        """Return the values that stand for each parameter."""
        parameters = {name: model.get_parameter(name) for name in self.by_name}
        return {name: self.values(name, each) for name, each in parameters.items() if self.holds(name, each)}

    def pack(self, file: onnx.ModelProto) -> None:
        """Write each parameter as its values and the hash function, where that is smaller."""
        import numpy as np

        from greenai_core import packing

        for name, hashing in self.by_name.items():
            stored = packing.stored_name(file, name)
            if stored is None:
                continue
            there, gates = packing.read(file, stored), packing.gates_of(file, stored)
            as_in_torch = there.reshape(len(gates), -1)[np.argsort(gates)].reshape(there.shape)
            weights, (*coefficients, number) = torch.from_numpy(as_in_torch), hashing.tolist()
            if self.holds(name, weights) and packing.pays(4 * number, weights.nbytes):
                values = self.values(name, weights).cpu().numpy()
                packing.as_hashed(file, stored, values, coefficients, there.shape, gates)

    def saved_bytes(self, model: nn.Module) -> int:
        """Return by how many bytes `pack` makes a file smaller."""
        import numpy as np
        import onnx

        from greenai_core import packing

        structure, saved = onnx.ModelProto(), 0
        for name, hashing in self.by_name.items():
            parameter, (*coefficients, values) = model.get_parameter(name), hashing.tolist()
            if self.holds(name, parameter) and packing.pays(4 * values, parameter.nbytes):
                layer = model.get_submodule(name.rpartition(".")[0])
                gates = packing.GATES.get(type(layer).__name__, packing.IN_PLACE)
                packing.as_hashed(structure, name, np.zeros(0, np.float32), coefficients, parameter.shape, gates)
                saved += parameter.nbytes - 4 * values
        return saved - int(structure.ByteSize()) - unfolded_bytes(model)
