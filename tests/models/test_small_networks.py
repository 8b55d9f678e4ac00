"""Networks that are spelt out here: as large as their papers say, and exported as what they are."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from greenai_core.export import export_onnx, parity
from greenai_core.metrics import count_params, macs, predicted_size_bytes
from greenai_core.models.efficient._shuffle import ChannelShuffle
from greenai_core.registry import parse
from tests.networks import GREY, trained_looking

CIFAR, LARGER, IMAGENET = (3, 32, 32), (3, 64, 64), (3, 224, 224)
Shape = tuple[int, int, int]


def build(name: str, input_shape: Shape = GREY, num_classes: int = 10, **parameters: Any) -> nn.Module:
    network: nn.Module = parse("models", {"name": name, **parameters})(input_shape, num_classes)  # type: ignore[operator]
    return network


@pytest.mark.parametrize(
    ("name", "input_shape", "parameters", "figure"),
    [
        ("lenet5", GREY, {}, 6 * 26 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85),
        ("lenet5", CIFAR, {}, 6 * 76 + 16 * 151 + 120 * 401 + 84 * 121 + 10 * 85),
        ("resnet20", CIFAR, {}, 269_722 + (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)),  # option A, and projections
        ("resnet20", CIFAR, {"depth": 18}, 1_727_962 + (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)),  # ResNet-110
    ],
)
def test_params_are_those_of_the_paper(name: str, input_shape: Shape, parameters: dict[str, Any], figure: int) -> None:
    assert count_params(build(name, input_shape, **parameters)).params == figure


def normed(inputs: int, outputs: int, kernel: int = 3) -> int:
    """Weights of a convolution without a bias, and of the batch normalisation after it."""
    return outputs * (inputs * kernel**2 + 2)


def separable(inputs: int, outputs: int) -> int:
    return inputs * 9 + normed(inputs, outputs, 1)


def test_params_follow_from_the_layers() -> None:
    vgg = normed(1, 16) + normed(16, 16) + normed(16, 32) + normed(32, 32) + normed(32, 64) + 2 * normed(64, 64)
    assert count_params(build("vgg_small", width=0.25)).params == vgg + 64 * (64 * 9 + 1) + 10 * 65

    plain = sum(normed(*pair) for pair in [(1, 5), (5, 5), (5, 10), (10, 10), (10, 20), (20, 20)])
    assert count_params(build("plain_cnn", channels=5)).params == plain + 10 * 21

    xception, before = normed(1, 32), 32
    for after in (64, 128, 256):
        xception += separable(before, after) + separable(after, after) + normed(before, after, 1)
        before = after
    xception += 3 * 3 * separable(256, 256) + separable(256, 512)
    assert count_params(build("xception_small", blocks=3)).params == xception + 10 * 513


@pytest.mark.parametrize(
    ("name", "parameters", "published"),
    [
        ("mobilenet_v1", {"width": 0.5}, 149e6),
        ("mobilenet_v1", {"resolution": 160 / 224}, 290e6),
        ("mobilenet_v1", {"resolution": 128 / 224}, 186e6),
        ("shufflenet_v1", {"groups": 1}, 143e6),
        ("shufflenet_v1", {"groups": 2}, 140e6),
        ("shufflenet_v1", {"groups": 3}, 137e6),
        ("shufflenet_v1", {"groups": 4}, 133e6),
        ("shufflenet_v1", {"groups": 8}, 137e6),
        ("shufflenet_v1", {"groups": 3, "width": 0.5}, 38e6),
        ("ghostnet", {}, 141e6),
    ],
)
def test_products_on_imagenet_are_those_of_the_paper(name: str, parameters: dict[str, Any], published: float) -> None:
    assert macs(build(name, IMAGENET, 1000, **parameters), IMAGENET) == pytest.approx(published, rel=0.015)


@pytest.mark.parametrize(("name", "published"), [("mobilenet_v1", 4.2e6), ("ghostnet", 5.2e6)])
def test_params_on_imagenet_are_those_of_the_paper(name: str, published: float) -> None:
    assert count_params(build(name, IMAGENET, 1000)).params == pytest.approx(published, rel=0.01)


@dataclass(frozen=True)
class Case:
    network: nn.Module
    input_shape: Shape
    content: bytes


CASES: list[tuple[str, dict[str, Any], Shape]] = [
    ("lenet5", {}, LARGER),
    ("resnet20", {"width": 0.25}, GREY),
    ("resnet20", {"width": 0.1, "depth": 5}, CIFAR),
    ("vgg_small", {"width": 0.1}, LARGER),
    ("vgg_small", {"width": 0.1, "depth": 11}, GREY),
    ("plain_cnn", {"channels": 2, "depth": 1}, GREY),
    ("plain_cnn", {"channels": 7, "depth": 3}, LARGER),
    ("mobilenet_v1", {"width": 0.1}, CIFAR),
    ("mobilenet_v1", {"width": 0.1, "resolution": 1.5}, CIFAR),
    ("shufflenet_v1", {"width": 0.1, "groups": 8}, LARGER),
    ("shufflenet_v1", {"width": 0.25, "groups": 3}, GREY),
    ("ghostnet", {"width": 0.1}, LARGER),
    ("xception_small", {"width": 0.1, "blocks": 1}, GREY),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[2][1]}")
def case(request: pytest.FixtureRequest) -> Case:
    name, parameters, input_shape = request.param
    torch.manual_seed(0)
    network = trained_looking(build(name, input_shape, **parameters))
    return Case(network, input_shape, export_onnx(network, input_shape))


def test_file_agrees_with_the_network_whatever_the_batch(case: Case) -> None:
    images = torch.randn(5, *case.input_shape, generator=torch.Generator().manual_seed(1))
    assert parity(case.network, case.content, images) < 1e-4
    assert parity(case.network, case.content, images[:1]) < 1e-4


def test_size_is_predicted_within_two_per_cent(case: Case) -> None:
    assert predicted_size_bytes(case.network, case.input_shape) == pytest.approx(len(case.content), rel=0.02)


def test_every_parameter_gets_a_gradient(case: Case) -> None:
    network = copy.deepcopy(case.network).train()
    network(torch.randn(4, *case.input_shape)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize(
    "name", ["resnet20", "vgg_small", "mobilenet_v1", "shufflenet_v1", "ghostnet", "xception_small"]
)
def test_half_the_width_costs_about_a_quarter(name: str) -> None:
    half, whole = build(name, width=0.5), build(name, width=1.0)
    assert 0.2 < macs(half, GREY) / macs(whole, GREY) < 0.35  # type: ignore[operator]
    assert 0.2 < count_params(half).params / count_params(whole).params < 0.4


def test_small_images_keep_their_resolution() -> None:
    for name in ("mobilenet_v1", "shufflenet_v1", "ghostnet", "xception_small"):
        small, larger = (build(name, shape, width=0.1).get_submodule("stem") for shape in (CIFAR, LARGER))
        assert small(torch.zeros(1, *CIFAR)).shape[-2:] == larger(torch.zeros(1, *LARGER)).shape[-2:] == (32, 32)


def test_shuffling_deals_out_every_group() -> None:
    channels = torch.arange(12.0).view(1, 12, 1, 1).expand(2, 12, 3, 5)
    dealt = ChannelShuffle(3)(channels)
    assert dealt.shape == channels.shape
    assert dealt[1, :, 2, 4].tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]


def test_what_lenet_sees_of_small_images_is_padded_to_the_papers_side() -> None:
    assert build("lenet5", (1, 8, 20)).get_submodule("c1")(torch.zeros(1, 1, 8, 20)).shape == (1, 6, 28, 28)
