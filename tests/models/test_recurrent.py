"""Classifiers that read an image row by row."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
import torch
from torch import nn

from greenai_core import acceleration, training
from greenai_core.candidate import Candidate
from greenai_core.context import Data, Images
from greenai_core.export import export_onnx, parity
from greenai_core.metrics import count_params, macs, predicted_size_bytes
from greenai_core.registry import parse

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
SHAPE = (3, 12, 10)


def build(name: str, hidden: int, layers: int) -> nn.Module:
    entry = parse("models", {"name": name, "hidden": hidden, "layers": layers})
    network: nn.Module = entry(SHAPE, 5)  # type: ignore[operator]
    return network


@pytest.fixture(scope="module", params=[(n, 8, k) for n in GATES for k in (1, 3)], ids=lambda p: f"{p[0]}-{p[2]}")
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, bytes, str, int, int]:
    name, hidden, layers = request.param
    torch.manual_seed(0)
    network = build(name, hidden, layers)
    return network, export_onnx(network, SHAPE), name, hidden, layers


def weights(name: str, hidden: int, layers: int) -> int:
    """Weights of the recurrent layers: for each gate those of the input and those of the state."""
    return GATES[name] * hidden * ((30 + hidden) + (layers - 1) * (hidden + hidden))


def test_params_and_products_follow_from_the_gates(case: Any) -> None:
    network, _, name, hidden, layers = case
    biases = layers * GATES[name] * hidden * 2
    assert count_params(network).params == weights(name, hidden, layers) + biases + 5 * (hidden + 1)
    assert macs(network, SHAPE) == 12 * weights(name, hidden, layers) + 5 * hidden


@pytest.mark.filterwarnings("ignore:TF32")
def test_products_do_not_depend_on_how_torch_computes_them() -> None:
    network = build("lstm", 8, 2)
    with torch.backends.mkldnn.flags(enabled=False):
        assert macs(network, SHAPE) == 12 * weights("lstm", 8, 2) + 5 * 8


@pytest.mark.parametrize("batch", [1, 5])
def test_file_agrees_with_the_network(case: Any, batch: int) -> None:
    network, content, *_ = case
    images = torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(1))
    assert parity(network, content, images) < 1e-5


def test_file_holds_one_node_for_each_layer(case: Any) -> None:
    _, content, name, _, layers = case
    nodes = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert nodes.count(name.upper()) == layers


def test_size_is_predicted_within_two_per_cent(case: Any) -> None:
    network, content, *_ = case
    assert predicted_size_bytes(network, SHAPE) == pytest.approx(len(content), rel=0.02)


def test_counting_leaves_no_trace(case: Any) -> None:
    network = case[0]
    macs(network, SHAPE)
    predicted_size_bytes(network, SHAPE)
    assert "forward" not in vars(network.get_submodule("recurrent"))


@pytest.mark.parametrize("name", GATES)
def test_a_row_is_a_step_with_its_channels_side_by_side(name: str) -> None:
    network = build(name, 8, 1).eval()
    images = torch.randn(2, *SHAPE)
    with torch.no_grad():
        rows = torch.cat([images[:, channel] for channel in range(3)], 2)
        states, _ = network.get_submodule("recurrent")(rows)
        assert torch.allclose(network(images), network.get_submodule("fc")(states[:, 11]), atol=1e-6)


@pytest.mark.parametrize("name", GATES)
def test_the_order_of_rows_is_learnt(name: str) -> None:
    """Two classes of the same rows: which of two patterns comes first cannot be told from their sum."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(256) % 2
    images = torch.randn(256, *SHAPE, generator=generator) * 0.3
    images[labels == 0, :, 4] += 1
    images[labels == 0, :, 7] -= 1
    images[labels == 1, :, 4] -= 1
    images[labels == 1, :, 7] += 1
    data = Data(Images(images, labels), Images(images, labels), SHAPE, 5)
    torch.manual_seed(0)
    network = build(name, 16, 1)
    assert acceleration.resolve_precision("auto", torch.device("cpu"), network) == "fp32"
    trained = training.fit(
        Candidate(network),
        data,
        epochs=8,
        lr=0.02,
        precision="auto",
        batch_size=32,
        generator=generator,
        report=lambda step: None,
    )
    assert training.accuracy_of(trained.model, "fp32", images, labels) > 0.95
