"""Every byte of a deployed file is some layer's or the rest's, whatever the file is."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from greenai_core import coding, packing
from greenai_core.errors import BadInput
from greenai_core.export import export_onnx
from greenai_core.layer_sizes import sizes
from greenai_core.techniques.quantization._onnxruntime import dynamic, static
from greenai_core.techniques.quantization._packed import FewBits
from tests.networks import GREY, cnn, model, trained_looking

WEIGHTS, OUTPUTS = (288, 18_432, 9216 * 128, 1280), (32, 64, 128, 10)
"""Of the layers of the MNIST example's network."""


@cache
def plain() -> bytes:
    return export_onnx(cnn(32, 64), GREY)


def pruned() -> bytes:
    return export_onnx(cnn(6, 12), GREY)


def calibrated() -> bytes:
    images = np.random.default_rng(0).normal(size=(8, *GREY)).astype(np.float32)
    return static(plain(), [images], method="minmax", percentile=99.99)


def at_work() -> bytes:
    return dynamic(plain(), ["Gemm", "MatMul", "Conv"])


def recurrent() -> bytes:
    return dynamic(export_onnx(model("lstm"), GREY), ["Gemm", "MatMul", "LSTM"])


def few_bits() -> bytes:
    """Convolutions as packed integers, linear layers in blocks."""
    file = onnx.load_from_string(plain())
    for layer in ("conv2", "fc1", "fc2"):
        FewBits(4, 32).write(file, f"{layer}.weight", packing.read(file, f"{layer}.weight"))
    return bytes(file.SerializeToString())


def codebook() -> bytes:
    file = onnx.load_from_string(plain())
    weights = packing.read(file, "conv2.weight")
    indices = (weights.ravel() > 0).astype(np.uint8)
    packing.as_codebook(file, "conv2.weight", np.array([-1, 1], np.float32), indices, 1, weights.shape)
    return bytes(file.SerializeToString())


@cache
def coded() -> bytes:
    """The pruned file, the weights of whose first linear layer are one of two values."""
    file = onnx.load_from_string(pruned())
    signs = np.sign(packing.read(file, "fc1.weight")).astype(np.float32)
    packing.replace_tensor(file, "fc1.weight", {"fc1.weight": signs})
    return coding.encode(bytes(file.SerializeToString()))


def payload(file: onnx.ModelProto) -> int:
    return sum(len(tensor.raw_data) for tensor in file.graph.initializer)


FILES = (plain, pruned, calibrated, at_work, recurrent, few_bits, codebook)
MOST_LEFT: dict[Callable[[], bytes], int] = {calibrated: 5, at_work: 64, recurrent: 200}


@pytest.mark.parametrize("made", FILES)
def test_the_parts_add_up_to_the_file_and_every_tensor_counts_once(made: Callable[[], bytes]) -> None:
    content = made()
    found = sizes(content)
    assert found.total_bytes == len(content)
    file = onnx.load_from_string(content)
    # Left over are shapes, and the scale and zero point of the images: a few bytes.
    left = payload(file) - sum(layer.size_bytes for layer in found.layers)
    assert 0 <= left <= MOST_LEFT.get(made, 0)
    for tensor in file.graph.initializer:
        tensor.ClearField("raw_data")
    assert found.rest_bytes >= file.ByteSize() + left


def test_a_plain_file_holds_four_bytes_a_parameter() -> None:
    found = sizes(plain())
    assert [layer.size_bytes for layer in found.layers] == [
        4 * (weights + outputs) for weights, outputs in zip(WEIGHTS, OUTPUTS, strict=True)
    ]
    assert [layer.name for layer in found.layers] == ["conv1", "conv2", "fc1", "fc2"]
    assert [layer.kind for layer in found.layers] == ["convolution 3x3", "convolution 3x3", "linear", "linear"]


def test_pruned_channels_are_gone_from_their_layer_and_the_next() -> None:
    found = sizes(pruned())
    parameters = (6 * 10, 12 * (6 * 9 + 1), 128 * (12 * 144 + 1), 1290)
    assert [layer.size_bytes for layer in found.layers] == [4 * count for count in parameters]


@pytest.mark.parametrize(("made", "least", "most"), [(calibrated, 12, 22), (at_work, 4, 10)])
def test_scales_and_zero_points_belong_to_the_layer_that_they_scale(
    made: Callable[[], bytes], least: int, most: int
) -> None:
    """Beside int8 weights: biases and scales of 4 bytes per output channel or of the whole, zero points of 1 or 4."""
    layers = sizes(made()).layers
    assert [layer.kind for layer in layers] == ["convolution 3x3", "convolution 3x3", "linear", "linear"]
    assert {layer.name for layer in layers} == {""}
    for layer, weights, outputs in zip(layers, WEIGHTS, OUTPUTS, strict=True):
        assert least * outputs <= layer.size_bytes - weights <= most * outputs + 10


def test_a_stack_of_gates_is_a_layer() -> None:
    found = sizes(recurrent())
    assert [layer.kind for layer in found.layers] == ["LSTM", "linear"]
    linear = sum(weight.numel() for name, weight in model("lstm").named_parameters() if weight.shape[0] == 10)
    assert linear <= found.layers[1].size_bytes <= linear + 130


def test_packed_weights_belong_to_their_layer() -> None:
    dense, packed, shared = (sizes(made()).layers for made in (plain, few_bits, codebook))
    assert [layer.name for layer in packed] == [layer.name for layer in dense] == [layer.name for layer in shared]
    assert packed[0].size_bytes == dense[0].size_bytes
    assert 0.12 < packed[1].size_bytes / dense[1].size_bytes < 0.14
    assert 0.15 < packed[2].size_bytes / dense[2].size_bytes < 0.17  # a scale per block of 32 as well
    assert 0.03 < shared[1].size_bytes / dense[1].size_bytes < 0.05


def test_a_coded_file_has_the_coded_bytes_of_each_layer() -> None:
    content = coded()
    found, uncoded = sizes(content), sizes(pruned())
    assert found.total_bytes == len(content)
    assert [layer.name for layer in found.layers] == [layer.name for layer in uncoded.layers]
    shares = [layer.size_bytes / plain.size_bytes for layer, plain in zip(found.layers, uncoded.layers, strict=True)]
    assert 0.03 < shares[2] < 0.04
    assert all(0.8 < share < 1.1 for share in (*shares[:2], shares[3]))
    assert 0 < found.rest_bytes < uncoded.rest_bytes


def test_layers_are_called_as_in_the_network() -> None:
    body = OrderedDict(
        first=nn.Conv2d(1, 2, 3), blocks=nn.Sequential(nn.ReLU(), nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)))
    )
    network = trained_looking(
        nn.Sequential(OrderedDict(body=nn.Sequential(body), flat=nn.Flatten(), end=nn.Linear(1152, 10)))
    )
    layers = sizes(export_onnx(network, GREY)).layers
    assert [layer.name for layer in layers] == ["body.first", "body.blocks.1.0", "end"]
    assert layers[1].kind == "grouped convolution 3x3"


def test_normalisation_belongs_to_the_layer_before_it() -> None:
    network = trained_looking(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(2704, 10))
    )
    folded, whole = (sizes(export_onnx(network, GREY, fold=fold)).layers for fold in (True, False))
    assert [layer.size_bytes for layer in folded] == [160, 4 * 27050]
    assert [layer.size_bytes for layer in whole] == [160 + 4 * 16, 4 * 27050]


def test_an_estimator_holds_its_weights_in_its_node() -> None:
    node = helper.make_node(
        "LinearClassifier",
        ["x"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=[0.5] * 640,
        intercepts=[0.0] * 10,
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])],
    )
    content = helper.make_model(graph).SerializeToString()
    found = sizes(content)
    assert [layer.kind for layer in found.layers] == ["linear"]
    assert 5 * 650 <= found.layers[0].size_bytes <= 5 * 650 + 50  # protobuf puts a byte before each number
    assert found.total_bytes == len(content)


def test_numbers_that_are_not_written_as_raw_bytes_count_as_well() -> None:
    file = onnx.load_from_string(plain())
    (weights,) = [tensor for tensor in file.graph.initializer if tensor.name == "fc2.weight"]
    values = numpy_helper.to_array(weights)
    weights.CopyFrom(helper.make_tensor("fc2.weight", TensorProto.FLOAT, values.shape, values.ravel()))
    content = file.SerializeToString()
    assert 0 <= sizes(content).layers[3].size_bytes - 4 * 1290 <= 6
    assert sizes(content).total_bytes == len(content)


@pytest.mark.parametrize("made", [lambda: b"no model", lambda: plain()[:5000], lambda: coded()[:5000]])
def test_a_file_that_was_cut_off_is_refused_in_a_sentence(made: Callable[[], bytes]) -> None:
    with pytest.raises(BadInput, match="cannot be read; launch"):
        sizes(made())


def test_a_network_without_names_has_none() -> None:
    torch.manual_seed(0)

    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = nn.Parameter(torch.randn(10, 784))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1) @ self.kernel.T

    (layer,) = sizes(export_onnx(Bare(), GREY)).layers
    assert (layer.kind, layer.name, layer.size_bytes) == ("linear", "", 4 * 7840)


def test_a_page_may_ask_for_them(tmp_path: Path) -> None:
    """What only shows results never loads torch."""
    (tmp_path / "model.onnx").write_bytes(plain())
    code = (
        "import sys, greenai_core.layer_sizes as by\n"
        "by.sizes(open(sys.argv[1], 'rb').read())\n"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.onnx")]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip() == "False"
