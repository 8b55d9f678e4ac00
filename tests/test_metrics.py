"""Counts are exact, sizes are predicted closely, and counting leaves no trace on the model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from greenai_core.errors import RunFailed
from greenai_core.export import export_onnx
from greenai_core.metrics import ParameterCount, count_params, macs, predicted_size_bytes
from greenai_core.registry import parse
from tests.networks import GREY, cnn, model, trained_looking


@pytest.mark.parametrize(
    ("build", "params"),
    [
        (partial(model, "mnist_cnn"), 1_199_882),
        (partial(cnn, 13, 26), 483_848),
        (partial(cnn, 7, 13), 241_936),
        (partial(cnn, 2, 4), 75_242),
        (partial(model, "mlp_student"), 109_386),
    ],
)
def test_params_of_the_published_networks(build: Callable[[], nn.Module], params: int) -> None:
    assert count_params(build()) == ParameterCount(params, params)


def test_zeros_are_stored_and_not_counted_as_nonzero() -> None:
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight[:2] = 0
        layer.bias.fill_(1)
    assert count_params(layer) == ParameterCount(15, 7)


def test_a_shared_weight_counts_once() -> None:
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    assert count_params(nn.Sequential(first, second)).params == 16


@pytest.mark.parametrize("network", [nn.ReLU(), nn.Linear(2, 2)])
def test_a_network_without_weights_is_refused(network: nn.Module) -> None:
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    with pytest.raises(RunFailed, match="parameters"):
        count_params(network)


def test_macs_count_products_of_one_image() -> None:
    by_hand = 26**2 * 32 * 9 + 24**2 * 64 * 32 * 9 + 9216 * 128 + 128 * 10
    assert macs(model("mnist_cnn"), GREY) == by_hand == 11_992_448
    assert macs(model("mlp_student"), GREY) == 784 * 128 + 128 * 64 + 64 * 10


def test_macs_that_nobody_sees_are_unknown() -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.ones(()))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * self.factor

    assert macs(Scale(), GREY) is None


class WithNorms(nn.Sequential):
    """Batch normalisation that the exporter folds, and two that it cannot: first of all, and after a linear layer."""

    def __init__(self) -> None:
        super().__init__(
            nn.BatchNorm2d(1),
            nn.Conv2d(1, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3),
            nn.BatchNorm2d(8),
            nn.Flatten(),
            nn.Linear(8 * 576, 16),
            nn.BatchNorm1d(16),
            nn.Linear(16, 10),
        )


@pytest.mark.parametrize(
    ("build", "input_shape"),
    [
        (partial(model, "mnist_cnn"), GREY),
        (partial(cnn, 13, 26), GREY),
        (partial(cnn, 7, 13), GREY),
        (partial(cnn, 2, 4), GREY),
        (partial(model, "mlp_student"), GREY),
        (partial(model, "mobilenet_v3_small"), GREY),
        (partial(model, "mobilenet_v3_small", (3, 96, 96)), (3, 96, 96)),
        (lambda: trained_looking(WithNorms()), GREY),
    ],
)
def test_predicted_size_is_within_one_per_cent(
    build: Callable[[], nn.Module], input_shape: tuple[int, int, int]
) -> None:
    network = build()
    assert predicted_size_bytes(network, input_shape) == pytest.approx(len(export_onnx(network, input_shape)), rel=0.01)


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "resnet18", "width": 0.1},
        {"name": "mobilenet_v2", "width": 0.1},
        {"name": "mobilenet_v3_small", "width": 0.1},
        {"name": "shufflenet_v2", "width": "0.5"},
        {"name": "squeezenet"},
        {"name": "mnasnet", "width": 0.1},
        {"name": "efficientnet", "width": 0.1, "resolution": 1.5},
    ],
    ids=lambda spec: spec["name"],
)
def test_size_of_narrow_networks_is_predicted_though_names_are_a_good_part_of_it(spec: dict[str, object]) -> None:
    network = trained_looking(parse("models", spec)((3, 32, 32), 10))  # type: ignore[operator]
    file = export_onnx(network, (3, 32, 32))
    assert predicted_size_bytes(network, (3, 32, 32)) == pytest.approx(len(file), rel=0.02)


def test_zero_weights_are_stored_like_any_others() -> None:
    network = cnn(7, 13)
    before = predicted_size_bytes(network, GREY)
    with torch.no_grad():
        network.get_parameter("fc1.weight").zero_()
    assert predicted_size_bytes(network, GREY) == before


def test_counting_leaves_the_model_and_the_random_numbers_alone() -> None:
    network = model("mobilenet_v3_small").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    macs(network, GREY)
    predicted_size_bytes(network, GREY)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
