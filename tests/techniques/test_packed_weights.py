"""Weights of 16, 8 and 4 bits: files really smaller, as near as so many bits allow, of the size that was told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from greenai_core import coding, export, metrics, registry, runtime
from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.context import Context, Data, Images
from greenai_core.techniques._base import Deploys
from greenai_core.techniques.quantization._packed import FewBits, quantized, written
from tests import networks

GREY = networks.GREY
PRECISIONS = ("half_precision", "weight_only_int8", "weight_only_int4")
FINENESS = {"half_precision": 2e-3, "weight_only_int8": 0.03, "weight_only_int4": 0.3}
"""Largest error of the logits as a fraction of their range; random weights are the worst case."""


def technique(name: str, **fields: Any) -> Deploys:
    found = registry.parse("techniques", {"name": name, **fields})
    assert isinstance(found, Deploys)
    return found


def deployed(name: str, candidate: Candidate, shape: tuple[int, int, int] = GREY, **fields: Any) -> bytes:
    image = Images(torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64))
    data = Data(image, image, shape, 10)
    context = Context(data, lambda c, **options: c, lambda teacher: nn.Identity(), torch.Generator())
    artifact = technique(name, **fields).apply(candidate, context).artifact
    assert artifact is not None
    assert artifact.format == "onnx"
    return artifact.content


def images(shape: tuple[int, int, int] = GREY) -> torch.Tensor:
    return torch.randn(16, *shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def cnn() -> Candidate:
    """The published network with 1,199,882 parameters."""
    return Candidate(networks.model("mnist_cnn").eval())


@pytest.mark.parametrize(("name", "ratio"), [(PRECISIONS[0], 0.52), (PRECISIONS[1], 0.28), (PRECISIONS[2], 0.16)])
def test_the_file_is_smaller_by_what_is_promised(name: str, ratio: float, cnn: Candidate) -> None:
    content = deployed(name, cnn)
    assert len(content) <= ratio * len(export.export_onnx(cnn.model, GREY))
    assert not any(holder.metadata_props for holder in (onnx.load_from_string(content),))


@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize("network", ["mnist_cnn", "plain_cnn", "resnet20", "lenet5", "mlp_student", "gru", "lstm"])
def test_logits_are_near_and_the_size_is_told_beforehand(name: str, network: str) -> None:
    candidate = Candidate(networks.model(network).eval())
    content = deployed(name, candidate)
    with torch.no_grad():
        plain = candidate.model(images())
        error = (runtime.Deployed(content)(images()) - plain).abs().max() / (plain.max() - plain.min())
    assert 0 < float(error) < FINENESS[name]
    assert technique(name).predict_bytes(candidate, GREY) == pytest.approx(len(content), rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRECISIONS)
@pytest.mark.parametrize("network", networks.NAMES)
def test_the_size_is_told_beforehand_for_every_network(name: str, network: str) -> None:
    candidate = Candidate(networks.model(network).eval())
    assert technique(name).predict_bytes(candidate, GREY) == pytest.approx(len(deployed(name, candidate)), rel=0.03)


def test_a_smaller_block_is_nearer_and_larger(cnn: Candidate) -> None:
    fine, coarse = (deployed("weight_only_int4", cnn, block=block) for block in (32, 128))
    assert len(fine) > 1.1 * len(coarse)
    weights = cnn.model.get_parameter("fc1.weight").detach().numpy()
    errors = []
    for block in (32, 128):
        rows = weights.reshape(-1, block)
        integers, scales = quantized(rows, 4)
        errors.append(float(((integers * scales - rows) ** 2).mean()))
    assert errors[0] < errors[1]


def operations(content: bytes, folder: Any) -> list[str]:
    """What the runtime carries out once it has opened the file."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return sorted(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


@pytest.mark.parametrize("network", ["mnist_cnn", "resnet20"])
def test_half_precision_runs_as_the_plain_file_does(network: str, tmp_path: Any) -> None:
    candidate = Candidate(networks.model(network).eval())
    plain = operations(export.export_onnx(candidate.model, GREY), tmp_path)
    assert operations(deployed("half_precision", candidate), tmp_path) == plain


@pytest.mark.parametrize("name", PRECISIONS[1:])
def test_linear_layers_keep_their_integers_at_work_and_convolutions_do_not(
    name: str, cnn: Candidate, tmp_path: Any
) -> None:
    found = operations(deployed(name, cnn), tmp_path)
    assert found.count("MatMulNBits") == 2
    assert not {"Cast", "Mul", "Sub", "BitShift", "BitwiseAnd", "Gemm"} & set(found)


@pytest.mark.parametrize("name", PRECISIONS)
def test_pruned_weights_stay_zero(name: str) -> None:
    layer = nn.Conv2d(1, 64, 5)
    keep = torch.rand(layer.weight.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    mask = Mask({"0.weight": keep})
    model = nn.Sequential(layer, nn.Flatten())
    mask.project(model)
    layer.bias.data.zero_()
    content = deployed(name, Candidate(model, (mask,)), (1, 5, 5))
    pixels = torch.eye(25).view(25, 1, 5, 5)  # one at a time: the output is the weight
    restored = runtime.Deployed(content)(pixels).T.reshape(layer.weight.shape)
    assert torch.equal(restored == 0, ~keep | (restored == 0))
    assert float(restored[~keep].abs().max()) == 0
    assert float(restored[keep].abs().max()) > 0.1


def test_shared_weights_stay_shared(cnn: Candidate) -> None:
    """What is packed more tightly already is left alone; the other tensors are packed."""
    image = Images(torch.zeros(1, *GREY), torch.zeros(1, dtype=torch.int64))
    context = Context(Data(image, image, GREY, 10), lambda c, **o: c, lambda t: nn.Identity(), torch.Generator())
    shared = registry.parse("techniques", {"name": "kmeans_codebook", "bits": 2}).apply(cnn, context)
    content = deployed("weight_only_int8", shared)
    assert len(content) <= len(export.onnx_file(shared, GREY))
    with torch.no_grad():
        assert torch.allclose(runtime.Deployed(content)(images()), shared.model(images()), atol=1e-4)
    assert technique("weight_only_int8").predict_bytes(shared, GREY) == pytest.approx(len(content), rel=0.03)


@pytest.mark.parametrize("bits", [4, 8])
def test_rounding_is_no_worse_than_half_a_step(bits: int) -> None:
    rows = np.random.default_rng(0).standard_normal((20, 64)).astype(np.float32)
    rows[3] = 0
    integers, scales = quantized(rows, bits)
    assert integers.min() >= -(2 ** (bits - 1))
    assert integers.max() < 2 ** (bits - 1)
    step = np.abs(rows).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    plain = np.rint(rows / np.where(step == 0, 1, step)) * step
    assert ((integers * scales - rows) ** 2).sum() <= ((plain - rows) ** 2).sum() + 1e-6
    assert not (integers * scales)[3].any()


@pytest.mark.parametrize("inputs", [16, 33, 100, 128, 300])
def test_inputs_that_fill_no_block_are_padded(inputs: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 200), nn.ReLU(), nn.Linear(200, 200))
    candidate, shape = Candidate(model), (1, 1, inputs)
    content = written(candidate, shape, FewBits(8, 128))
    assert export.parity(model, content, images(shape)) < 0.02
    wanted = metrics.predicted_size_bytes(model, shape)
    assert len(content) < 0.5 * wanted
    assert math.isclose(technique("weight_only_int8").predict_bytes(candidate, shape) or 0, len(content), rel_tol=0.03)


def test_int4_codes_further(cnn: Candidate) -> None:
    content = deployed("weight_only_int4", cnn)
    coded = coding.encode(content)
    assert coding.decode(coded) == content
    assert len(coded) < len(content)
