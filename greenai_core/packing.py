"""Weights of an ONNX file written with fewer bytes, which ONNX Runtime restores when it opens the file.

Each function replaces one float32 tensor by a smaller one and standard operations on constants. A runtime that folds
constants carries these out once; what then runs is the plain network, as fast as ever. So the file shrinks, and the
time to open it grows a little; neither memory nor latency change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from greenai_core.hashing import PRIME

WORD_BITS = 64
"""Indices of so few bits that several share a word are stored in words of this length."""
OVERHEAD = 1000
"""About so many bytes of a file restore a tensor, at most; a smaller one is left as it is."""

Array = NDArray[np.generic]

GATES: dict[str, tuple[int, ...]] = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}
"""The recurrent operators, and which of torch's gates comes first, second and so on in their weights."""
IN_PLACE = (0,)
"""What stands for `GATES` in other layers."""
_RECURRENT = re.compile(r"(?P<layer>.*)\.weight_(?P<reads>ih|hh)_l(?P<place>\d+)")


def stored_name(file: onnx.ModelProto, name: str) -> str | None:
    """Return under which name a file holds a parameter, whatever equal tensor the exporter put in its place.

    The weights of a recurrent layer are held with one axis more, of length 1, and with their gates in another order.
    None: the file does not hold the parameter, or no longer as it was.
    """
    stored = {tensor.name for tensor in file.graph.initializer}
    if recurrent := _RECURRENT.fullmatch(name):
        operators = [node for node in file.graph.node if node.op_type in GATES]
        stack = [node for node in operators if layer_of(node.name) == recurrent["layer"]]
        own = stack[int(recurrent["place"]) :][:1]
        name = own[0].input[1 if recurrent["reads"] == "ih" else 2] if own else name
    aliases = {node.output[0]: node.input[0] for node in file.graph.node if node.op_type == "Identity"}
    name = aliases.get(name, name)
    return name if name in stored else None


def layer_of(node: str) -> str:
    """Return the layer of the network that a node belongs to: ``body.0.conv`` for ``/body/body.0/conv/Conv``."""
    path = node.split("/")[1:-1]
    return ".".join(
        part for part, after in zip_longest(path, path[1:], fillvalue="") if not after.startswith(f"{part}.")
    )


def gates_of(file: onnx.ModelProto, name: str) -> tuple[int, ...]:
    """Return in which order a stored tensor has the gates of torch, see `GATES`."""
    reads = [node.op_type for node in file.graph.node if name in node.input]
    return next((GATES[kind] for kind in reads if kind in GATES), IN_PLACE)


def read(file: onnx.ModelProto, name: str) -> Array:
    """Return the values of a stored tensor."""
    return numpy_helper.to_array(next(tensor for tensor in file.graph.initializer if tensor.name == name))


def replace_tensor(file: onnx.ModelProto, name: str, tensors: dict[str, Array]) -> None:
    """Put other tensors, by their names, in the place of the one of that name; what reads it is left as it is."""
    stored = file.graph.initializer
    for place in [place for place, tensor in enumerate(stored) if tensor.name == name]:
        del stored[place]
    stored.extend(numpy_helper.from_array(np.asarray(value), new) for new, value in tensors.items())


def as_float16(file: onnx.ModelProto, name: str, values: Array) -> None:
    """Store a tensor as numbers of 16 bits.

    Args:
        file: changed in place.
        name: of the tensor.
        values: float32 of any shape, none beyond the range of float16.
    """
    half = f"{_prefix(file)}h"
    _put(file, name, {half: values.astype(np.float16)}, [_cast(half, name, TensorProto.FLOAT)])


def as_integers(
    file: onnx.ModelProto, name: str, integers: Array, scales: Array, bits: int, shape: Sequence[int]
) -> None:
    """Store a tensor as the product of integers of few bits and scales.

    Args:
        file: changed in place.
        name: of the tensor.
        integers: int8, as many as it has values, from -2^(bits - 1) to 2^(bits - 1) - 1.
        scales: float32 of a shape that spreads over that of the tensor.
        bits: 2 to 8.
        shape: of the tensor.
    """
    own = _prefix(file)
    shifted = integers.astype(np.int16) + 2 ** (bits - 1)
    zero = _shared(file, f"zero{bits}", np.array(2 ** (bits - 1), np.float32))
    tensors, nodes = _unpacked(file, own, shifted.astype(np.uint8), bits, f"{own}u")
    nodes += [
        helper.make_node("Reshape", [f"{own}u", _shape(file, shape)], [f"{own}i"]),
        _cast(f"{own}i", f"{own}r", TensorProto.FLOAT),
        helper.make_node("Sub", [f"{own}r", zero], [f"{own}z"]),
        helper.make_node("Mul", [f"{own}z", f"{own}s"], [name]),
    ]
    _put(file, name, {**tensors, f"{own}s": scales}, nodes)


def as_codebook(
    file: onnx.ModelProto, name: str, codebook: Array, indices: Array, bits: int, shape: Sequence[int]
) -> None:
    """Store a tensor as indices of few bits into a table of its values.

    Args:
        file: changed in place.
        name: of the tensor.
        codebook: float32 (at most 2^bits,), its distinct values.
        indices: uint8, where in the table each of its values is.
        bits: 1 to 8.
        shape: of the tensor.
    """
    own = _prefix(file)
    tensors, nodes = _unpacked(file, own, indices, bits, f"{own}u")
    nodes += [
        helper.make_node("Gather", [f"{own}c", f"{own}u"], [f"{own}g"]),
        helper.make_node("Reshape", [f"{own}g", _shape(file, shape)], [name]),
    ]
    _put(file, name, {**tensors, f"{own}c": codebook}, nodes)


def as_hashed(
    file: onnx.ModelProto,
    name: str,
    values: Array,
    coefficients: Sequence[int],
    shape: Sequence[int],
    gates: Sequence[int] = IN_PLACE,
) -> None:
    """Store a tensor as few values and the hash function that tells which of them, with which sign, stands where.

    The hash of position i is `greenai_core.hashing.signed_buckets`.

    Args:
        file: changed in place.
        name: of the tensor.
        values: float32 (K,).
        coefficients: of the hash's polynomial, the highest power first.
        shape: of the tensor.
        gates: equal parts of the hashed weights, in the order in which the tensor has them.
    """
    own, prime = _prefix(file), _shared(file, "prime", np.array(PRIME))
    first, step, end = _shared(file, "first", np.array(0)), _shared(file, "step", np.array(1)), f"{own}n"
    tensors: dict[str, Array] = {end: np.array(int(np.prod(shape))), f"{own}v": values}
    tensors |= {f"{own}k{power}": np.array(number) for power, number in enumerate(coefficients)}
    tensors[f"{own}b"] = np.array(2 * len(values))
    nodes, positions = [helper.make_node("Range", [first, end, step], [f"{own}p"])], f"{own}p"
    if len(gates) > 1:
        rows, order = _shape(file, (len(gates), -1)), _shared(file, f"gates{len(gates)}", np.array(gates))
        nodes += [
            helper.make_node("Reshape", [positions, rows], [f"{own}r"]),
            helper.make_node("Gather", [f"{own}r", order], [f"{own}o"]),
        ]
        positions = f"{own}o"
    last = f"{own}k0"
    for power in range(1, len(coefficients)):
        times, plus, rest = (f"{own}{letter}{power}" for letter in "xyz")
        nodes += [
            helper.make_node("Mul", [last, positions], [times]),
            helper.make_node("Add", [times, f"{own}k{power}"], [plus]),
            helper.make_node("Mod", [plus, prime], [rest]),
        ]
        last = rest
    nodes += [
        helper.make_node("Mod", [last, f"{own}b"], [f"{own}h"]),
        helper.make_node("Neg", [f"{own}v"], [f"{own}m"]),
        helper.make_node("Concat", [f"{own}v", f"{own}m"], [f"{own}t"], axis=0),
        helper.make_node("Gather", [f"{own}t", f"{own}h"], [f"{own}g"]),
        helper.make_node("Reshape", [f"{own}g", _shape(file, shape)], [name]),
    ]
    _put(file, name, tensors, nodes)


def bits_for(values: int) -> int:
    """Return the bits of an index into so many values."""
    return max(1, (values - 1).bit_length())


def pays(packed: int, plain: int, overhead: int = OVERHEAD) -> bool:
    """Return whether a tensor of so many bytes, packed into so many, makes a file smaller."""
    return packed + overhead < plain


def packed_bytes(size: int, bits: int) -> int:
    """Return the bytes of so many indices, packed."""
    return -(-size // (WORD_BITS // bits)) * WORD_BITS // 8


def _unpacked(
    file: onnx.ModelProto, own: str, indices: Array, bits: int, out: str
) -> tuple[dict[str, Array], list[onnx.NodeProto]]:
    """Return the tensor that holds indices in words, and the nodes that make of it one int32 (N,) called `out`."""
    per_word = WORD_BITS // bits
    flat = indices.ravel()
    shifts = (np.arange(per_word) * bits).astype(np.uint64)
    words = np.zeros(-(-flat.size // per_word), np.uint64)
    for place, shift in enumerate(shifts):
        part = flat[place::per_word].astype(np.uint64)
        words[: part.size] |= part << shift
    shift_by = _shared(file, f"shifts{bits}", shifts)
    mask = _shared(file, f"mask{bits}", np.array(2**bits - 1, np.uint64))
    line, start = _shared(file, "line", np.array([-1])), _shared(file, "start", np.array([0]))
    nodes = [
        helper.make_node("BitShift", [f"{own}w", shift_by], [f"{own}a"], direction="RIGHT"),
        helper.make_node("BitwiseAnd", [f"{own}a", mask], [f"{own}o"]),
        _cast(f"{own}o", f"{own}l", TensorProto.INT32),
        helper.make_node("Reshape", [f"{own}l", line], [f"{own}f"]),
        helper.make_node("Slice", [f"{own}f", start, f"{own}n"], [out]),
    ]
    return {f"{own}w": words[:, None], f"{own}n": np.array([flat.size])}, nodes


def _prefix(file: onnx.ModelProto) -> str:
    """Return what the names of a tensor's parts begin with: short, and not taken, as every tensor brings nodes."""
    return f"p{len(file.graph.node)}"


def _cast(before: str, after: str, to: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [before], [after], to=to)


def _shape(file: onnx.ModelProto, shape: Sequence[int]) -> str:
    return _shared(file, "shape" + "_".join(map(str, shape)), np.array(shape))


def _shared(file: onnx.ModelProto, name: str, value: Array) -> str:
    """Return the name of a constant that several tensors need; the file holds it once."""
    if name not in {tensor.name for tensor in file.graph.initializer}:
        file.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def _put(file: onnx.ModelProto, name: str, tensors: dict[str, Array], nodes: list[onnx.NodeProto]) -> None:
    """Put tensors and nodes, which come before all others, in the place of the tensor of that name."""
    replace_tensor(file, name, tensors)
    later = list(file.graph.node)
    del file.graph.node[:]
    file.graph.node.extend([*nodes, *later])
