"""ONNX files of quantized networks, made brief: every scale, zero point and node would bring a long name along."""

from __future__ import annotations

from collections.abc import Callable
from string import ascii_letters, digits

import onnx
from onnx import numpy_helper

from greenai_core.export import stripped
from greenai_core.runtime import INPUT, OUTPUT

LETTERS = digits + ascii_letters


def own_constants(file: onnx.ModelProto) -> None:
    """Give each layer constants of its own, in place: the exporter lets layers share equal ones through an Identity.

    Quantizers do not look through that node, and two layers have two scales.
    """
    graph = file.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in _taken(graph, lambda node: node.op_type == "Identity" and node.input[0] in constants):
        graph.initializer.append(_named(constants[node.input[0]], node.output[0]))


def compact(file: onnx.ModelProto) -> bytes:
    """Return the file with short names, one copy of equal tensors, and none that is not read; it computes the same."""
    graph = file.graph
    for node in _taken(graph, lambda node: node.op_type == "Constant" and node.attribute[0].name == "value"):
        graph.initializer.append(_named(node.attribute[0].t, node.output[0]))
    names = {"": "", INPUT: INPUT, OUTPUT: OUTPUT}
    _keep_one_of_each(graph, names)
    for node in graph.node:
        node.name = ""
        for end in (node.input, node.output):
            for place, name in enumerate(end):
                end[place] = _short(name, names)
    graph.name = "g"  # it must have one
    return stripped(bytes(file.SerializeToString()))


def _keep_one_of_each(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename the tensors that are read and drop the others; equal ones get one name."""
    read = {name for node in graph.node for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in read]
    kept: dict[tuple[object, ...], onnx.TensorProto] = {}
    for tensor in tensors:
        values = numpy_helper.to_array(tensor)
        same = (tensor.data_type, values.shape, values.tobytes())
        if same not in kept:
            kept[same] = numpy_helper.from_array(values, _short(tensor.name, names))
        names[tensor.name] = kept[same].name
    del graph.initializer[:]
    graph.initializer.extend(kept.values())


def _named(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor), name)


def _short(name: str, names: dict[str, str]) -> str:
    """Return the short name of a tensor; one that was not seen before gets the next one."""
    if name not in names:
        number, short = len(names), ""
        while number:
            number, letter = divmod(number, len(LETTERS))
            short = LETTERS[letter] + short
        names[name] = short
    return names[name]


def _taken(graph: onnx.GraphProto, wanted: Callable[[onnx.NodeProto], bool]) -> list[onnx.NodeProto]:
    """Take the wanted nodes out of a graph and return them."""
    taken = [node for node in graph.node if wanted(node)]
    left = [node for node in graph.node if not wanted(node)]
    del graph.node[:]
    graph.node.extend(left)
    return taken
