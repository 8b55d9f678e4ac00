"""The exported file computes what the model computes, and holds nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from greenai_core.export import OPSET, ExportFailed, export_onnx, parity
from greenai_core.runtime import INPUT, session
from tests.networks import GREY, cnn, model

SOME = torch.randn(7, *GREY, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "build",
    [
        partial(model, "mnist_cnn"),
        partial(cnn, 2, 4),
        partial(model, "mlp_student"),
        partial(model, "mobilenet_v3_small"),
    ],
)
def test_file_agrees_with_the_model(build: Callable[[], nn.Module]) -> None:
    network = build().to(memory_format=torch.channels_last).train()  # dropout and statistics must not matter
    assert parity(network, export_onnx(network, GREY), SOME) < 1e-4


def test_parity_sees_another_model() -> None:
    content = export_onnx(cnn(2, 4), GREY)
    other = cnn(2, 4)
    with torch.no_grad():
        other.get_parameter("fc2.bias").add_(0.5)
        for name in ("conv1", "conv2", "fc1", "fc2"):
            other.get_parameter(f"{name}.weight").zero_()
    assert parity(other, content, SOME) > 0.01


def test_batch_size_is_free() -> None:
    opened = session(export_onnx(cnn(2, 4), GREY))
    for batch in (1, 3, 64):
        (logits,) = opened.run(None, {INPUT: SOME[:1].expand(batch, *GREY).numpy()})
        assert logits.shape == (batch, 10)


def test_file_holds_no_traces() -> None:
    content = export_onnx(model("mnist_cnn"), GREY)
    file = onnx.load_from_string(content)
    assert [imported.version for imported in file.opset_import] == [OPSET]
    assert not file.graph.value_info
    assert not file.metadata_props
    assert not any(node.metadata_props or node.doc_string for node in file.graph.node)
    for trace in (b".py", b"greenai_core", b"site-packages", str(Path.cwd()).encode()):
        assert trace not in content
    onnx.checker.check_model(file)


def test_exporting_leaves_the_model_and_the_random_numbers_alone() -> None:
    network = model("mobilenet_v3_small").to(memory_format=torch.channels_last).train()
    frozen = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d)).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    export_onnx(network, GREY)
    assert network.training
    assert not frozen.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    weights = network.state_dict()["features.1.block.0.0.weight"]
    assert weights.is_contiguous(memory_format=torch.channels_last)


class Unexportable(nn.Module):
    """Uses an operator that ONNX has no word for."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(28, 28)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvals(self.linear(images)).real.flatten(1)


def test_a_model_that_cannot_be_exported_says_so() -> None:
    with pytest.raises(ExportFailed, match="cannot be exported to ONNX"):
        export_onnx(Unexportable(), GREY)
