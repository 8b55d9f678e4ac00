"""How many bytes each layer takes in a deployed file, and how many are left for the rest of it.

A layer is a node that multiplies what flows through the network by stored weights. To it belongs every stored tensor
that goes into it, directly or through nodes that only unpack and scale it, and what is applied to its output before
the next layer: a bias, scales, the range of an activation. The file is followed from node to node instead of sorted by
the names of its tensors, since quantized files have only short ones that say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenai_core import coding
from greenai_core.errors import BadInput

if TYPE_CHECKING:
    import onnx

KINDS = {
    "Conv": "convolution",
    "ConvInteger": "convolution",
    "Gemm": "linear",
    "MatMul": "linear",
    "MatMulInteger": "linear",
    "MatMulNBits": "linear",
    "RNN": "RNN",
    "GRU": "GRU",
    "LSTM": "LSTM",
    "DynamicQuantizeLSTM": "LSTM",
    "LinearClassifier": "linear",
    "TreeEnsembleClassifier": "trees",
    "TreeEnsembleRegressor": "trees",
}
"""What the operators that multiply by weights are called; trees compare with theirs."""

ESTIMATORS = "ai.onnx.ml"
"""Operators of this domain hold their weights as attributes."""


@dataclass(frozen=True)
class Layer:
    """A layer of a file.

    `place` is its place in the order of execution, from 1, `kind` what it is, `name` what it is called in the network
    (empty: the file does not say), `size_bytes` what its tensors take.
    """

    place: int
    kind: str
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Sizes:
    """The layers of a file, and the bytes of all else: nodes, names, shapes, what lies before the first layer."""

    layers: tuple[Layer, ...]
    rest_bytes: int

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole file."""
        return sum(layer.size_bytes for layer in self.layers) + self.rest_bytes


def sizes(content: bytes) -> Sizes:
    """Return the bytes of each layer of a deployed file, as they are stored; all of them add up to its length.

    Args:
        content: an ONNX file, or one whose tensors are entropy coded (`greenai_core.coding`).

    Raises:
        BadInput: it is neither, or was cut off.
    """
    import onnx

    coded = content.startswith(coding.MAGIC)
    try:
        file = onnx.load_from_string(coding.decode(content) if coded else content)
    except Exception as error:  # whatever a library makes of bytes that were changed
        raise BadInput("The stored model cannot be read; launch the run's spec again to make it anew.") from error
    tensors = dict(_tensors(file))
    walk = _Walk(tensors)
    for node in file.graph.node:
        walk.through(node)
    bytes_of = _coded_bytes(file) if coded else _plain_bytes
    taken = [held for _, _, held in walk.layers]
    for name, place in walk.owner.items():
        taken[place - 1] += bytes_of(tensors[name])
    layers = tuple(
        Layer(place, kind, name, size)
        for place, ((kind, name, _), size) in enumerate(zip(walk.layers, taken, strict=True), start=1)
    )
    return Sizes(layers, len(content) - sum(taken))


@dataclass(frozen=True)
class _Value:
    """What a node gives.

    `tensors` are the stored ones it was computed from that are no layer's yet; `layer` is the place of the one it came
    out of, 0 before the first, None for what does not flow through the network.
    """

    tensors: frozenset[str] = frozenset()
    layer: int | None = None


@dataclass
class _Walk:
    """Follows a graph in the order of execution.

    `layers` are kind, name and bytes of the attributes of those passed so far, `owner` the place of the layer that a
    stored tensor belongs to.
    """

    stored: Mapping[str, onnx.TensorProto]
    layers: list[tuple[str, str, int]] = field(default_factory=list)
    owner: dict[str, int] = field(default_factory=dict)
    values: dict[str, _Value] = field(default_factory=dict)

    def through(self, node: onnx.NodeProto) -> None:
        """Pass one node."""
        read = [self._value(name) for name in node.input if name]
        tensors = frozenset[str]().union(*(value.tensors for value in read))
        upstream = [value.layer for value in read if value.layer is not None]
        self.values |= dict.fromkeys(node.output, self._given(node, tensors, upstream))
        if node.op_type == "DynamicQuantizeLinear":  # its scale meets that of the weights before it meets a layer
            self.values |= dict.fromkeys(node.output[1:], _Value())

    def _given(self, node: onnx.NodeProto, tensors: frozenset[str], upstream: list[int]) -> _Value:
        if not upstream:
            return _Value(tensors)
        if node.op_type in KINDS and (tensors or node.domain == ESTIMATORS):
            held = sum(attribute.ByteSize() for attribute in node.attribute) if node.domain == ESTIMATORS else 0
            self.layers.append((_kind(node), _name(node, tensors), held))
            return self._claimed(tensors, len(self.layers))
        return self._claimed((name for name in tensors if not self._is_shape(name)), max(upstream))

    def _claimed(self, tensors: Iterable[str], place: int) -> _Value:
        """Give a layer the tensors that no other has; before the first one there is nobody to have them."""
        if place:
            self.owner = dict.fromkeys(tensors, place) | self.owner
        return _Value(layer=place)

    def _value(self, name: str) -> _Value:
        return _Value(frozenset([name])) if name in self.stored else self.values.get(name, _Value(layer=0))

    def _is_shape(self, name: str) -> bool:
        """Tell whether a tensor holds sizes or places, and no weights."""
        from onnx import TensorProto

        return bool(self.stored[name].data_type == TensorProto.INT64)


def _tensors(file: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield the tensors that a file holds, by the names under which its nodes read them."""
    yield from ((tensor.name, tensor) for tensor in file.graph.initializer)
    for node in file.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            yield node.output[0], node.attribute[0].t


def _plain_bytes(tensor: onnx.TensorProto) -> int:
    """Return the bytes of a tensor's values; its name and shape are of the rest of the file."""
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data)
    head = type(tensor)(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
    return int(tensor.ByteSize() - head.ByteSize())


def _coded_bytes(file: onnx.ModelProto) -> Callable[[onnx.TensorProto], int]:
    """Return what tells the bytes of a tensor in a coded file; those that are coded with its graph are of the rest."""
    from onnx.helper import tensor_dtype_to_np_dtype

    alone = {tensor.name for tensor in file.graph.initializer if tensor.HasField("raw_data")}

    def bytes_of(tensor: onnx.TensorProto) -> int:
        if tensor.name not in alone:
            return 0
        return len(coding.encode_tensor(tensor.raw_data, tensor_dtype_to_np_dtype(tensor.data_type).itemsize))

    return bytes_of


def _kind(node: onnx.NodeProto) -> str:
    """Return what a layer is: ``linear``, ``convolution 3x3``, ``grouped convolution 3x3``."""
    told = {attribute.name: attribute for attribute in node.attribute}
    kernel = " " + "x".join(map(str, told["kernel_shape"].ints)) if "kernel_shape" in told else ""
    grouped = "grouped " if "group" in told and told["group"].i > 1 else ""
    return f"{grouped}{KINDS[node.op_type]}{kernel}"


def _name(node: onnx.NodeProto, tensors: Iterable[str]) -> str:
    """Return the layer's name in the network, as its node or else its weights tell; empty where neither does."""
    from greenai_core.packing import layer_of

    told = sorted(name.rpartition(".weight")[0] for name in tensors if ".weight" in name)
    return layer_of(node.name) or next(iter(told), "")
