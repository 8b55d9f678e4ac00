"""Networks that build on torchvision: theirs on large images, and fitted to small ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from greenai_core import registry
from greenai_core.export import export_onnx, parity
from greenai_core.metrics import macs, predicted_size_bytes
from greenai_core.torchvision_import import import_torchvision
from tests.networks import GREY, trained_looking

COLOUR, LARGE = (3, 32, 32), (3, 64, 64)

THEIRS = {
    "resnet18": "resnet18",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3_small": "mobilenet_v3_small",
    "shufflenet_v2": "shufflenet_v2_x1_0",
    "squeezenet": "squeezenet1_1",
    "mnasnet": "mnasnet1_0",
    "efficientnet": "efficientnet_b0",
}
"""Torchvision's name of each network at its defaults."""

NARROW: list[tuple[str, dict[str, Any]]] = [
    ("resnet18", {"width": 0.25}),
    ("mobilenet_v2", {"width": 0.5}),
    ("shufflenet_v2", {"width": "0.5"}),
    ("squeezenet", {}),
    ("mnasnet", {"width": 0.5}),
    ("efficientnet", {"width": 0.5, "depth": 0.5, "resolution": 1.5}),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """A second thread gains nothing on networks this small, and waits for a busy neighbour."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def untrained(name: str, shape: tuple[int, int, int], num_classes: int, **parameters: Any) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = registry.parse("models", {"name": name, **parameters})(shape, num_classes)  # type: ignore[operator]
    return network


@cache
def build(name: str, shape: tuple[int, int, int] = COLOUR, **parameters: Any) -> nn.Module:
    return trained_looking(untrained(name, shape, 10, **parameters)).eval()


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def first_convolution(network: nn.Module) -> nn.Conv2d:
    return next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("resnet18", 512),
        ("mobilenet_v2", 1280),
        ("mobilenet_v3_small", 1024),
        ("shufflenet_v2", 1024),
        ("squeezenet", 512),
        ("mnasnet", 1280),
        ("efficientnet", 1280),
    ],
)
def test_params_are_the_published_ones_but_for_the_first_and_the_last_layer(name: str, features: int) -> None:
    published = import_torchvision().models.get_model_weights(THEIRS[name]).DEFAULT.meta["num_params"]
    smaller_head = (features + 1) * (1000 - 10)
    smaller_kernel = (7 * 7 - 3 * 3) * 3 * 64 if name == "resnet18" else 0
    assert size(build(name)) == published - smaller_head - smaller_kernel
    grey = first_convolution(build(name))
    assert size(build(name)) - size(build(name, GREY)) == 2 * grey.out_channels * 9


@pytest.mark.parametrize("name", [name for name in THEIRS if name != "mobilenet_v3_small"])
def test_help_states_the_params(name: str) -> None:
    assert f"{size(build(name)):,} parameters on 3x32x32 with ten classes" in str(
        registry.entry("models", name).__doc__
    )


@pytest.mark.parametrize(
    ("name", "parameters", "called"),
    [*((name, {}, called) for name, called in THEIRS.items()), ("resnet18", {"depth": 34}, "resnet34")],
)
def test_on_large_images_it_is_torchvisions_network(name: str, parameters: dict[str, Any], called: str) -> None:
    """Their weights fit by name and give their outputs: that also says what our own shuffle and pooling compute."""
    theirs = import_torchvision().models.get_model(called, num_classes=10).eval()
    if name == "squeezenet":
        theirs.classifier[2] = nn.Identity()  # the ReLU on the class scores
    ours = build(name, LARGE, **parameters)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, *LARGE)
    with torch.no_grad():
        assert torch.allclose(ours(images), theirs(images), atol=1e-6)


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_stacks_of_vgg_are_the_first_three_of_torchvisions(depth: int) -> None:
    whole = list(import_torchvision().models.get_model(f"vgg{depth}").features)
    third_pool = [place for place, layer in enumerate(whole) if isinstance(layer, nn.MaxPool2d)][2]
    assert kernels(build("vgg_small", depth=depth).modules()) == kernels(whole[:third_pool])


def kernels(layers: Iterable[nn.Module]) -> list[torch.Size]:
    return [layer.weight.shape for layer in layers if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize("name", THEIRS)
def test_small_images_keep_their_resolution(name: str) -> None:
    assert [first_convolution(build(name, shape)).stride for shape in (GREY, COLOUR, LARGE)] == [(1, 1), (1, 1), (2, 2)]


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2"])
def test_small_images_are_not_pooled_before_the_first_block(name: str) -> None:
    small, large = ([layer for layer, _ in build(name, shape).named_children()] for shape in (GREY, LARGE))
    assert "maxpool" not in small
    assert "maxpool" in large


@pytest.mark.parametrize("name", THEIRS)
def test_statistics_settle_within_a_short_training(name: str) -> None:
    assert all(layer.momentum == 0.1 for layer in build(name).modules() if isinstance(layer, nn.BatchNorm2d))


@pytest.mark.parametrize(("name", "parameters"), NARROW)
def test_learns_from_larger_images(name: str, parameters: dict[str, Any]) -> None:
    network = untrained(name, LARGE, 2, **parameters).train()
    logits = network(torch.randn(4, *LARGE))
    assert logits.shape == (4, 2)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize(("name", "parameters"), [(name, parameters) for name, parameters in NARROW if parameters])
def test_width_scales_the_weights(name: str, parameters: dict[str, Any]) -> None:
    assert size(build(name, width=parameters["width"])) < 0.35 * size(build(name))


@pytest.mark.parametrize(("name", "parameters"), [*NARROW, *((name, {}) for name in THEIRS if name != "squeezenet")])
def test_the_file_computes_the_same_and_has_the_predicted_size(name: str, parameters: dict[str, Any]) -> None:
    network = build(name, GREY, **parameters)
    content = export_onnx(network, GREY)
    images = torch.randn(5, *GREY, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        largest = float(network(images).abs().max())
    assert parity(network, content, images) < 1e-4 * min(1, largest)
    assert predicted_size_bytes(network, GREY) == pytest.approx(len(content), rel=0.03)


def test_shuffling_takes_few_operations_of_the_file() -> None:
    """Sizes computed while the file runs would be 65 KB of 1.5 MB."""
    network = build("shufflenet_v2", GREY, width="0.5")
    weights = sum(tensor.nbytes for name, tensor in network.state_dict().items() if "num_batches" not in name)
    assert len(export_onnx(network, GREY)) < 1.02 * weights


def test_scores_of_squeezenet_are_not_clipped() -> None:
    with torch.no_grad():
        scores = build("squeezenet", GREY)(torch.randn(4, *GREY, generator=torch.Generator().manual_seed(0)))
    assert scores.min() < 0 < scores.max()


def test_efficientnet_scales_in_three_directions() -> None:
    plain, deep, fine = (build("efficientnet", COLOUR, **scale) for scale in ({}, {"depth": 2.0}, {"resolution": 2.0}))
    assert blocks(plain) == [1, 2, 2, 3, 3, 4, 1]
    assert blocks(deep) == [2, 4, 4, 6, 6, 8, 2]
    assert fine.state_dict().keys() == plain.state_dict().keys()
    assert size(fine) == size(plain)
    assert (macs(fine, COLOUR) or 0) == pytest.approx(4 * (macs(plain, COLOUR) or 0), rel=0.05)


def blocks(efficientnet: nn.Module) -> list[int]:
    """How many blocks each stage has."""
    _, *stages, _ = efficientnet.get_submodule("features").children()
    return [len(list(stage.children())) for stage in stages]


def test_resnet_computes_far_more_than_mobilenet() -> None:
    resnet, mobilenet = (macs(build(name), COLOUR) for name in ("resnet18", "mobilenet_v2"))
    assert resnet and mobilenet and resnet > 20 * mobilenet
