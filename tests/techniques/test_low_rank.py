"""Low-rank factors: the closest product of the asked rank, really smaller, and no layer that would grow."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from greenai_core import checkpoint, registry, training
from greenai_core.candidate import Candidate
from greenai_core.constraints.frozen import first
from greenai_core.context import Data, Images
from greenai_core.errors import BadInput
from greenai_core.export import export_onnx, parity
from greenai_core.metrics import macs, predicted_size_bytes
from greenai_core.untrained import applied
from tests.networks import GREY, model


def factored(technique: dict[str, object], network: nn.Module) -> nn.Module:
    return applied(registry.parse("techniques", technique), Candidate(network), GREY, 10).model


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_svd_keeps_the_nearest_matrix_of_its_rank() -> None:
    network = model("mlp_student")
    after = factored({"name": "svd_factorization", "ratio": 0.25}, network)
    product = after.fc1.second.weight @ after.fc1.first.weight
    left, values, right = torch.linalg.svd(network.fc1.weight.detach(), full_matrices=False)
    assert torch.linalg.matrix_rank(product) == 32
    assert torch.allclose(product, left[:, :32] * values[:32] @ right[:32], atol=1e-4)
    assert torch.equal(after.fc1.second.bias, network.fc1.bias)
    assert count(after.fc1) == 32 * (784 + 128) + 128


def test_full_energy_changes_nothing_that_matters_and_less_energy_means_less_rank() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 64, bias=False), nn.Linear(64, 10))
    with torch.no_grad():  # of rank 5, whatever its shape
        network[1].weight.copy_(torch.randn(64, 5) @ torch.randn(5, 784))
    images = torch.randn(4, *GREY)
    exact = factored({"name": "svd_factorization", "rank_by": "energy", "energy": 1 - 1e-9}, network)
    assert exact[1].first.out_features == 5
    assert torch.allclose(exact(images), network(images), rtol=1e-3, atol=1e-2)
    less = factored({"name": "svd_factorization", "rank_by": "energy", "energy": 0.5}, network)
    assert less[1].first.out_features < 5


def test_tucker_of_a_kernel_of_low_rank_is_exact() -> None:
    layer = nn.Conv2d(16, 24, 3, stride=2, padding=1)
    with torch.no_grad():
        mixed = torch.einsum("oa,abhw,bi->oihw", torch.randn(24, 4), torch.randn(4, 3, 3, 3), torch.randn(3, 16))
        layer.weight.copy_(mixed)
    network = nn.Sequential(nn.Conv2d(1, 16, 1), layer, nn.Conv2d(24, 10, 1))
    after = factored({"name": "tucker_factorization", "rank_by": "energy", "energy": 0.999999}, network)
    assert (after[1].thin.in_channels, after[1].thin.out_channels) == (3, 4)
    images = torch.randn(2, *GREY)
    assert torch.allclose(after(images), network(images), rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", ["svd_factorization", "tucker_factorization"])
def test_products_and_bytes_shrink_and_the_file_agrees(name: str) -> None:
    network = model("mnist_cnn")
    after = factored({"name": name, "ratio": 0.2}, network)
    assert count(after) < count(network)
    assert (macs(after, GREY) or 0) < (macs(network, GREY) or 0)
    content = export_onnx(after, GREY)
    assert len(content) < len(export_onnx(network, GREY))
    assert len(content) == pytest.approx(predicted_size_bytes(after, GREY), rel=0.03)
    assert parity(after, content, torch.randn(3, *GREY)) < 1e-3


def test_factors_survive_a_checkpoint_and_train_on() -> None:
    entry = registry.parse("models", {"name": "mnist_cnn"})
    after = factored({"name": "tucker_factorization"}, model("mnist_cnn"))
    restored = checkpoint.unpack(*checkpoint.pack(Candidate(after), entry, GREY, 10)).model
    images = torch.randn(2, *GREY)
    assert torch.equal(after.eval()(images), restored(images))
    restored.train()(images).sum().backward()
    assert all(parameter.grad is not None for parameter in restored.parameters())


def test_depthwise_and_pointwise_convolutions_stay() -> None:
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 32, 1), nn.Conv2d(32, 32, 3),
        nn.Conv2d(32, 10, 3),
    )  # fmt: skip
    after = factored({"name": "tucker_factorization"}, network)
    assert [type(layer).__name__ for layer in after[1:]] == ["Conv2d", "Conv2d", "Sequential", "Conv2d"]


def test_the_layer_that_gives_the_logits_stays_and_with_it_the_classes() -> None:
    network = model("mnist_cnn").eval()
    after = factored({"name": "svd_factorization"}, network)
    assert torch.equal(after.fc2.weight, network.fc2.weight)
    assert torch.linalg.matrix_rank(after.eval()(torch.randn(64, *GREY)) - after.fc2.bias) == 10


@pytest.mark.parametrize("name", ["plain_cnn", "resnet20", "mobilenet_v2", "lstm"])
def test_a_network_whose_only_linear_layer_gives_the_logits_is_refused(name: str) -> None:
    with pytest.raises(
        BadInput, match=r"svd_factorization finds no Linear layer, beside .*; choose another model, such"
    ):
        factored({"name": "svd_factorization"}, model(name))


def test_what_would_grow_is_refused() -> None:
    with pytest.raises(BadInput, match=r"svd_factorization finds no Linear layer, .* choose a lower rank, or another"):
        factored({"name": "svd_factorization", "ratio": 1.0}, model("mlp_student"))
    with pytest.raises(BadInput, match="tucker_factorization finds no Conv2d layer"):
        factored({"name": "tucker_factorization"}, model("mlp_student"))


@pytest.mark.parametrize(("name", "layer"), [("tucker_factorization", "conv2"), ("svd_factorization", "fc1")])
def test_the_factors_of_a_frozen_layer_are_frozen(name: str, layer: str) -> None:
    shape, entry = (1, 12, 12), registry.parse("models", {"name": "mnist_cnn"})
    torch.manual_seed(0)
    network = entry(shape, 3)
    frozen = Candidate(network, (first(network, 3),))
    after = applied(registry.parse("techniques", {"name": name}), frozen, shape, 3)
    restored = checkpoint.unpack(*checkpoint.pack(after, entry, shape, 3))
    images = Images(torch.randn(16, *shape), torch.arange(16) % 3)
    data, options = Data(images, images, shape, 3), {"epochs": 1, "lr": 1e-2, "report": lambda step: None}
    for candidate in (after, restored):
        on = training.fit(candidate, data, generator=torch.Generator().manual_seed(0), **options)
        before = candidate.model.state_dict()
        moved = {key.partition(".")[0] for key, value in on.model.state_dict().items() if not value.equal(before[key])}
        assert moved == {"fc2"} and len(list(on.model.get_submodule(layer).children())) > 1
        assert all(parameter.requires_grad for parameter in on.model.parameters())
