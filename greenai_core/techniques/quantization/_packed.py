"""Files whose weights alone have few bits: what is stored shrinks, what is computed is float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from greenai_core import export, metrics, packing

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate

Weights = NDArray[np.float32]

SMALLEST_BLOCK = 16
"""MatMulNBits takes no shorter one."""
SHRINKS = {4: (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7), 8: (1.0,)}
"""Per number of bits, fractions of the range that are tried: with few bits it pays to cut off the largest weights."""
WEIGHTS = {"Conv": 1, "Gemm": 1, "MatMul": 1, "RNN": 2, "GRU": 2, "LSTM": 2}
"""How many tensors of weights such a node takes; they come right after its input."""
HALF_OVERHEAD, PRODUCT_BYTES = 80, 190
"""About so many bytes restore a tensor of float16; so many more than a Gemm has a product with packed weights."""


class Packing(Protocol):
    """A way to store weights."""

    def write(self, file: onnx.ModelProto, name: str, weights: Weights) -> None:
        """Write a tensor of a file anew, in place."""

    def saved(self, name: str, shape: tuple[int, ...], layer: nn.Module, structure: onnx.ModelProto) -> int:
        """Return the bytes that fewer bits save, and add to `structure` what the file then needs in addition."""


def written(candidate: Candidate, input_shape: tuple[int, int, int], packed: Packing) -> bytes:
    """Return the candidate's file with the weights of every layer written anew."""
    file = onnx.load_from_string(export.onnx_file(candidate, input_shape))
    plain = {tensor.name for tensor in file.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    weights = {name for node in file.graph.node for name in node.input[1 : 1 + WEIGHTS.get(node.op_type, 0)]}
    for name in sorted(weights & plain):
        packed.write(file, name, packing.read(file, name).astype(np.float32))
    return bytes(file.SerializeToString())


def predicted(candidate: Candidate, input_shape: tuple[int, int, int], packed: Packing) -> int:
    """Return the bytes of the file that `written` gives, from shapes alone."""
    sharing = [constraint for constraint in candidate.constraints if constraint.packs]
    done = {name for constraint in sharing for name in constraint.by_name}
    structure = onnx.ModelProto()
    saved = sum(constraint.saved_bytes(candidate.model) for constraint in sharing)
    saved += sum(
        packed.saved(name, tuple(weight.shape), layer, structure)
        for name, weight, layer in _weights(candidate.model)
        if name not in done
    )
    return metrics.predicted_size_bytes(candidate.model, input_shape) - saved + int(structure.ByteSize())


def _weights(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    for owner, layer in model.named_modules():
        for name, parameter in layer.named_parameters(owner, recurse=False):
            if parameter.dim() > 1:
                yield name, parameter, layer


@dataclass(frozen=True)
class Half:
    """Numbers of 16 bits."""

    def write(self, file: onnx.ModelProto, name: str, weights: Weights) -> None:
        """Write them; a weight beyond the range of float16 becomes the largest number of it."""
        if packing.pays(weights.nbytes // 2, weights.nbytes, HALF_OVERHEAD):
            most = np.finfo(np.float16).max
            packing.as_float16(file, name, weights.clip(-most, most))

    def saved(self, name: str, shape: tuple[int, ...], layer: nn.Module, structure: onnx.ModelProto) -> int:
        """Return the half of the tensor's bytes."""
        half = 2 * int(np.prod(shape))
        if not packing.pays(half, 2 * half, HALF_OVERHEAD):
            return 0
        packing.as_float16(structure, name, np.zeros(0, np.float32))
        return half


@dataclass(frozen=True)
class FewBits:
    """Integers of few bits, of linear layers with a scale per block of inputs, else with one per output.

    ONNX Runtime computes products with the former as they are, with MatMulNBits; the others it restores when it opens
    the file.
    """

    bits: int
    block: int

    def write(self, file: onnx.ModelProto, name: str, weights: Weights) -> None:
        """Write them where that is smaller."""
        node = next(node for node in file.graph.node if name in node.input)
        if node.op_type in ("Gemm", "MatMul") and weights.ndim == 2:
            rows = weights if helper.get_node_attr_value(node, "transB") else weights.T
            if packing.pays(self._block_bytes(rows.shape), weights.nbytes):
                self._write_blocks(file, node, name, rows)
            return
        table = weights.reshape(len(weights), -1) if node.op_type == "Conv" else weights.reshape(-1, weights.shape[-1])
        if packing.pays(self._row_bytes(table.shape), weights.nbytes):
            integers, scales = quantized(table, self.bits)
            leading = weights.shape[:1] if node.op_type == "Conv" else weights.shape[:-1]
            spread = scales.reshape(*leading, *[1] * (weights.ndim - len(leading)))
            packing.as_integers(file, name, integers, spread, self.bits, weights.shape)

    def saved(self, name: str, shape: tuple[int, ...], layer: nn.Module, structure: onnx.ModelProto) -> int:
        """Return what fewer bits save."""
        rows = (shape[0], int(np.prod(shape[1:])))
        linear, plain = isinstance(layer, nn.Linear), 4 * int(np.prod(shape))
        packed = self._block_bytes(rows) if linear else self._row_bytes(rows)
        if not packing.pays(packed, plain):
            return 0
        if linear:
            return plain - packed - PRODUCT_BYTES
        none = np.zeros((0, 1, 1, 1), np.float32)
        packing.as_integers(structure, name, none.astype(np.int8), none, self.bits, shape)
        return plain - packed

    def _row_bytes(self, rows: tuple[int, ...]) -> int:
        return packing.packed_bytes(rows[0] * rows[1], self.bits) + 4 * rows[0]

    def _block(self, inputs: int) -> int:
        """Return the length of a block: not longer than it needs to be."""
        return min(self.block, max(SMALLEST_BLOCK, 2 ** (inputs - 1).bit_length()))

    def _block_bytes(self, rows: tuple[int, ...]) -> int:
        block = self._block(rows[1])
        return rows[0] * -(-rows[1] // block) * (block * self.bits // 8 + 4)

    def _write_blocks(self, file: onnx.ModelProto, node: onnx.NodeProto, name: str, rows: Weights) -> None:
        outputs, inputs = rows.shape
        block = self._block(inputs)
        blocks = -(-inputs // block)
        padded = np.pad(rows, ((0, 0), (0, blocks * block - inputs)))
        integers, scales = quantized(padded.reshape(-1, block), self.bits)
        numbers = (integers.astype(np.int16) + 2 ** (self.bits - 1)).astype(np.uint8)
        if self.bits == 4:
            numbers = numbers[:, ::2] | numbers[:, 1::2] << 4
        small, scale = f"{name}.i", f"{name}.s"
        packing.replace_tensor(file, name, {small: numbers.reshape(outputs, blocks, -1), scale: scales.ravel()})
        bias, (before,), after = list(node.input)[2:], list(node.input)[:1], node.output[0]
        product = f"{name}.p" if bias else after
        sizes = {"K": inputs, "N": outputs, "bits": self.bits, "block_size": block, "accuracy_level": 4}
        new = [helper.make_node("MatMulNBits", [before, small, scale], [product], domain="com.microsoft", **sizes)]
        if bias:
            new.append(helper.make_node("Add", [product, bias[0]], [after]))
        nodes = [part for each in file.graph.node for part in (new if each == node else [each])]
        del file.graph.node[:]
        file.graph.node.extend(nodes)
        if not any(opset.domain == "com.microsoft" for opset in file.opset_import):
            file.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def quantized(rows: Weights, bits: int) -> tuple[NDArray[np.int8], Weights]:
    """Return int8 (R, L) and scales (R, 1) whose product is near rows (R, L), by least squares over some scales.

    Zero stays zero.
    """
    levels = 2 ** (bits - 1) - 1
    largest = np.abs(rows).max(axis=1, keepdims=True)
    largest[largest == 0] = 1
    best, least = largest / levels, np.full_like(largest, np.inf)
    for shrink in SHRINKS[bits]:
        scales = largest * np.float32(shrink / levels)
        error = ((np.rint(rows / scales).clip(-levels - 1, levels) * scales - rows) ** 2).sum(axis=1, keepdims=True)
        best, least = np.where(error < least, scales, best), np.minimum(error, least)
    return np.rint(rows / best).clip(-levels - 1, levels).astype(np.int8), best.astype(np.float32)
