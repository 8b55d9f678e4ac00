"""Pruning: exact counts, the right weights, and the same outputs as the masked network."""

from __future__ import annotations

import math

import pytest
import torch

from greenai_core import registry
from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.context import Context, Data, Images
from greenai_core.errors import BadInput


def model(name: str, shape: tuple[int, int, int] = (1, 28, 28)) -> torch.nn.Module:
    torch.manual_seed(0)
    return registry.parse("models", {"name": name})(shape, 10)


def apply(technique: dict[str, object], network: torch.nn.Module, constraints: tuple[Mask, ...] = ()) -> Candidate:
    image = Images(torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.int64))
    data = Data(image, image, (1, 28, 28), 10)
    context = Context(data, lambda candidate, **options: candidate, lambda teacher: network, torch.Generator())
    return registry.parse("techniques", technique).apply(Candidate(network, constraints), context)


def cut(network: torch.nn.Module, sparsity: float) -> torch.nn.Module:
    return apply({"name": "l1_channel_pruning", "sparsity": sparsity}, network).model


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("name", "params"), [("mnist_cnn", 1_199_882), ("mlp_student", 109_386)])
def test_parameters_of_the_published_networks(name: str, params: int) -> None:
    assert count(model(name)) == params


@pytest.mark.parametrize(("sparsity", "params"), [(0, 1_199_882), (0.6, 483_848), (0.8, 241_936), (0.95, 75_242)])
def test_published_counts_of_channel_pruning(sparsity: float, params: int) -> None:
    after = apply({"name": "l1_channel_pruning", "sparsity": sparsity}, model("mnist_cnn"))
    assert count(after.model) == params


@pytest.mark.parametrize("scope", ["per_layer", "global"])
@pytest.mark.parametrize("percent", [28, 29, 55, 57, 58])
def test_as_many_channels_go_as_the_decimal_number_says(percent: int, scope: str) -> None:
    """As floats, 100 * 0.29 is a little less than 29."""
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 100, 3), torch.nn.ReLU(), torch.nn.Conv2d(100, 4, 3))
    after = apply({"name": "l1_channel_pruning", "sparsity": percent / 100, "scope": scope}, network).model
    assert after[0].out_channels == 100 - percent


@pytest.mark.parametrize("sparsity", [0.3, 0.6, 0.8, 0.95])
def test_cut_network_equals_the_masked_one(sparsity: float) -> None:
    network = model("mnist_cnn").eval()
    masked = model("mnist_cnn").eval()
    with torch.no_grad():
        for layer in (masked.conv1, masked.conv2):
            norms = layer.weight.abs().sum((1, 2, 3))
            removed = norms.argsort()[: math.floor(len(norms) * sparsity)]
            layer.weight[removed] = 0
            layer.bias[removed] = 0
        images = torch.randn(8, 1, 28, 28)
        assert torch.allclose(cut(network, sparsity)(images), masked(images), atol=1e-5)


def test_mobilenet_is_cut_through_its_residuals_and_still_learns() -> None:
    network = model("mobilenet_v3_small")
    smaller = cut(network, 0.6)
    assert count(smaller) < 0.3 * count(network)
    smaller.train()(torch.randn(4, 1, 28, 28)).sum().backward()
    assert all(parameter.grad is not None for parameter in smaller.parameters())


def test_channel_pruning_refuses_a_network_without_convolutions() -> None:
    with pytest.raises(BadInput, match="needs a model with convolutions"):
        apply({"name": "l1_channel_pruning"}, model("mlp_student"))


def test_dropout_follows_the_connections_that_are_left() -> None:
    before = model("mnist_cnn")
    after = cut(before, 0.95)
    left = after.fc1.weight.numel() / before.fc1.weight.numel()
    assert after.dropout2.p == pytest.approx(before.dropout2.p * math.sqrt(left))
    assert after.dropout1.p < before.dropout1.p
