"""Structured pruning: the network without its channels computes what the network with silent channels computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from greenai_core import checkpoint, metrics, registry, training, untrained
from greenai_core.candidate import Candidate
from greenai_core.context import Context, Data, Images
from greenai_core.errors import BadInput
from greenai_core.export import export_onnx
from greenai_core.registry import FunctionEntry
from greenai_core.runtime import Deployed
from tests.networks import trained_looking

SHAPE, CLASSES = (1, 16, 16), 10
SPARSITY = 0.4
NARROW = {"shufflenet_v2": {"width": "0.5"}, "plain_cnn": {"channels": 8}}
"""Small networks of those that have no width of their own by which they could be made so."""
CONVOLUTIONAL = [
    name
    for name in registry.names("models")
    if "convolutional" in registry.entry("models", name).describe()["family"].split()
]
LARGE = ("efficientnet", "mnasnet")
"""Many layers of kinds that others have, too."""
CRITERIA = ("l1", "l2", "taylor", "bn_scale", "random")


def entry(name: str) -> FunctionEntry:
    """A model of the catalogue, narrow where it can be."""
    fields = registry.entry("models", name).model_fields
    options = NARROW.get(name) or ({"width": 0.25} if "width" in fields else {})
    found = registry.parse("models", {"name": name, **options})
    assert isinstance(found, FunctionEntry)
    return found


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return lively(entry(name)(SHAPE, CLASSES))


def lively(network: nn.Module) -> nn.Module:
    """The network with random scales whose statistics fit what passes through it, so that logits tell images apart."""
    trained_looking(network)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all that passes
    if norms:
        with torch.no_grad():
            network.train()(torch.randn(16, *SHAPE))
    return network.eval()


def some_images(count: int = 8) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(3))


def context(seed: int = 0) -> Context:
    images = Images(some_images(24), torch.arange(24) % CLASSES)
    data = Data(images, images, SHAPE, CLASSES)

    def fit(candidate: Candidate, **options: Any) -> Candidate:
        generator = torch.Generator().manual_seed(0)
        return training.fit(candidate, data, generator=generator, report=lambda step: None, **options)

    return Context(data, fit, lambda teacher: nn.Identity(), torch.Generator().manual_seed(seed))


def applied(technique: str, model: nn.Module, seed: int = 0, **fields: object) -> nn.Module:
    stage = registry.parse("techniques", {"name": technique, **fields})
    return stage.apply(Candidate(model), context(seed)).model


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def marks(layer: nn.Module) -> torch.Tensor | None:
    """One number per output channel, all different, by which a channel is known again after the cut."""
    if isinstance(layer, nn.BatchNorm2d):
        return layer.weight.detach()
    return layer.bias.detach() if isinstance(layer, nn.Conv2d) and layer.bias is not None else None


def kept(before: nn.Module, after: nn.Module) -> dict[str, torch.Tensor]:
    """Which output channels are left, by the name of each normalisation and each convolution with a bias."""
    cut = dict(after.named_modules())
    left = {}
    for name, layer in before.named_modules():
        if (own := marks(layer)) is not None:
            left[name] = torch.isin(own, marks(cut[name]))
            assert left[name].sum() == len(marks(cut[name]))
    return left


@contextmanager
def silenced(network: nn.Module, left: dict[str, torch.Tensor]) -> Iterator[nn.Module]:
    """The network in which the other channels are zero wherever they are made."""

    def hook(keep: torch.Tensor) -> Any:
        return lambda layer, inputs, output: output * keep.view(1, -1, 1, 1)

    hooks = [network.get_submodule(name).register_forward_hook(hook(keep)) for name, keep in left.items()]
    try:
        yield network
    finally:
        for one in hooks:
            one.remove()


@torch.no_grad()
def difference(before: nn.Module, after: nn.Module) -> float:
    """Largest difference of the cut network's outputs from the silenced one's, relative to the largest output."""
    images = some_images()
    with silenced(before, kept(before, after)) as network:
        expected = network(images)
    assert expected.std(0).max() > 1e-3 * expected.abs().max()
    return float((after(images) - expected).abs().max() / expected.abs().max())


@dataclass(frozen=True)
class Case:
    name: str
    before: nn.Module
    after: nn.Module


@pytest.fixture(
    scope="module", params=[pytest.param(n, marks=[pytest.mark.slow] if n in LARGE else []) for n in CONVOLUTIONAL]
)
def case(request: pytest.FixtureRequest) -> Case:
    before = built(request.param)
    return Case(request.param, before, applied("l2_channel_pruning", before, sparsity=SPARSITY))


def test_a_cut_network_equals_the_silenced_one(case: Case) -> None:
    assert difference(case.before, case.after) < 1e-5


def test_a_globally_cut_network_equals_the_silenced_one(case: Case) -> None:
    after = applied("l1_channel_pruning", case.before, sparsity=SPARSITY, scope="global")
    assert count(after) < count(case.before)
    assert difference(case.before, after) < 1e-5


def test_as_many_channels_are_left_as_was_asked_for(case: Case) -> None:
    cut = dict(case.after.named_modules())
    convolutions = [(name, layer) for name, layer in case.before.named_modules() if isinstance(layer, nn.Conv2d)]
    stay = [name for name, layer in convolutions if cut[name].out_channels == layer.out_channels]
    for name, layer in convolutions:
        removed = layer.out_channels - cut[name].out_channels
        half = 2 * math.floor(layer.out_channels // 2 * SPARSITY)
        allowed = {
            "ghostnet": {math.floor(layer.out_channels * SPARSITY), half},  # a channel goes with its ghost
            "shufflenet_v1": {0, *range(0, math.floor(layer.out_channels * SPARSITY) + 1, 3)},  # groups stay equal
            "shufflenet_v2": {0, math.floor(layer.out_channels * SPARSITY)},  # what blocks hand on stays
        }.get(case.name, {math.floor(layer.out_channels * SPARSITY)})
        assert removed in allowed or (case.name, name) == ("squeezenet", "classifier.1"), name
    assert len(stay) < len(convolutions)
    assert case.after(some_images()).shape == (8, CLASSES)


def test_a_cut_network_computes_less(case: Case) -> None:
    assert metrics.macs(case.after, SHAPE) < metrics.macs(case.before, SHAPE)


def test_a_cut_network_still_learns(case: Case) -> None:
    F.cross_entropy(case.after.train()(some_images()), torch.arange(8)).backward()
    case.after.eval()
    assert all(parameter.grad is not None for parameter in case.after.parameters())
    case.after.zero_grad()


def test_a_checkpoint_restores_a_cut_network(case: Case) -> None:
    packed = checkpoint.pack(Candidate(case.after.eval()), entry(case.name), SHAPE, CLASSES)
    restored = checkpoint.unpack(*packed).model
    assert torch.equal(restored(some_images()), case.after(some_images()))


def test_a_preview_counts_what_the_run_will_count(case: Case) -> None:
    """Sizes per layer follow from shapes: another choice of channels, made without data, leaves as much."""
    stage = registry.parse("techniques", {"name": "random_channel_pruning", "sparsity": SPARSITY})
    assert count(untrained.applied(stage, Candidate(case.before), SHAPE, CLASSES).model) == count(case.after)


@pytest.mark.parametrize(
    ("criterion", "name"),
    [*((each, "resnet20") for each in CRITERIA), *((each, "lenet5") for each in CRITERIA if each != "bn_scale")],
)
def test_every_criterion_cuts_as_much(criterion: str, name: str) -> None:
    before = built(name)
    after = applied(f"{criterion}_channel_pruning", before, sparsity=SPARSITY)
    assert count(after) == count(applied("l1_channel_pruning", before, sparsity=SPARSITY))
    assert difference(before, after) < 1e-5


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.7, 0.95])
def test_channels_are_followed_through_groups_and_shuffles(sparsity: float) -> None:
    torch.manual_seed(0)
    network = lively(
        nn.Sequential(
            nn.Conv2d(1, 30, 3, padding=1),
            nn.ChannelShuffle(5),
            nn.Conv2d(30, 48, 3, padding=1),
            nn.ChannelShuffle(3),
            nn.Conv2d(48, 96, 3, groups=3),
            nn.ReLU(),
            nn.ChannelShuffle(3),
            nn.Conv2d(96, 96, 3, groups=96),
            nn.ReLU(),
            nn.ChannelShuffle(2),
            nn.Conv2d(96, 40, 3, groups=4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(40, CLASSES),
        )
    )
    after = applied("random_channel_pruning", network, sparsity=sparsity)
    assert count(after) < (1 - sparsity / 2) * count(network)
    assert all(layer.out_channels % layer.groups == 0 for layer in after if isinstance(layer, nn.Conv2d))
    assert difference(network, after) < 1e-5


def test_l2_takes_the_filters_of_least_norm() -> None:
    before = built("lenet5")
    left = kept(before, applied("l2_channel_pruning", before, sparsity=0.6))["c3"]
    norms = before.c3.weight.detach().square().sum((1, 2, 3))
    assert left.sum() == 16 - math.floor(16 * 0.6)
    assert norms[left].min() > norms[~left].max()


def test_bn_scale_takes_the_smallest_scales_whatever_their_sign() -> None:
    before = built("plain_cnn")
    norm = before.get_submodule("stage1_1.norm")
    norm.weight.data[::2] *= -1
    left = kept(before, applied("bn_scale_channel_pruning", before, sparsity=0.5))["stage1_1.norm"]
    assert norm.weight[left].abs().min() > norm.weight[~left].abs().max()


def test_taylor_takes_the_channels_that_change_the_loss_least() -> None:
    before = built("plain_cnn")
    train = context().data.train
    norm = before.get_submodule("stage1_1.norm")
    gate = torch.ones(8, requires_grad=True)
    with norm.register_forward_hook(lambda layer, inputs, output: output * gate.view(1, -1, 1, 1)):
        F.cross_entropy(before(train.images), train.labels).backward()
    change = gate.grad.square()
    left = kept(before, applied("taylor_channel_pruning", before, sparsity=0.5))["stage1_1.norm"]
    assert change[left].min() > change[~left].max()


def test_random_channels_depend_on_the_seed_alone() -> None:
    before = built("lenet5")
    once, again, other = (
        kept(before, applied("random_channel_pruning", before, seed=seed, sparsity=0.5))["c3"] for seed in (0, 0, 1)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize(("sparsity", "cap"), [(0.5, 0.9), (0.7, 0.75), (0.9, 0.5)])
def test_globally_the_least_of_all_go_and_no_layer_loses_more_than_its_cap(sparsity: float, cap: float) -> None:
    before = built("plain_cnn")
    norms = {name: layer for name, layer in before.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    norms["stage2_1.norm"].weight.data *= 1e-3
    after = applied("bn_scale_channel_pruning", before, sparsity=sparsity, scope="global", cap=cap)
    left = kept(before, after)
    most = {name: math.floor(len(layer.weight) * cap) for name, layer in norms.items()}
    total = sum(len(layer.weight) for layer in norms.values())
    assert sum(int((~left[name]).sum()) for name in norms) == min(math.floor(total * sparsity), sum(most.values()))
    assert all(int((~left[name]).sum()) <= most[name] for name in norms)
    assert int((~left["stage2_1.norm"]).sum()) == most["stage2_1.norm"]


def test_a_later_field_keeps_the_identity_of_older_specs() -> None:
    old = registry.canonical(registry.parse("techniques", {"name": "l1_channel_pruning", "sparsity": 0.8}))
    assert old == {"name": "l1_channel_pruning", "sparsity": 0.8, "sparse_epochs": 0, "l1": 1e-5, "lr": 1e-3}


def test_slimming_drives_scales_apart_and_cuts_the_smallest() -> None:
    before = built("plain_cnn")
    stage = {"epochs": 2, "precision": "fp32"}
    lax, strict = (applied("network_slimming", before, sparsity=0.0, l1=l1, **stage) for l1 in (0.0, 1.0))
    norms = [name for name, layer in before.named_modules() if isinstance(layer, nn.BatchNorm2d)]
    size = [sum(float(net.get_submodule(name).weight.detach().abs().sum()) for name in norms) for net in (lax, strict)]
    assert size[1] < size[0]
    slim = applied("network_slimming", before, sparsity=0.5, l1=1.0, **stage)
    left = kept(strict, slim)
    scales = {name: strict.get_submodule(name).weight.detach().abs() for name in norms}
    total = sum(map(len, scales.values()))
    assert sum(int(left[name].sum()) for name in norms) == total - math.floor(total * 0.5)
    assert difference(strict, slim) < 1e-5


def test_a_block_that_does_nothing_is_the_first_to_go() -> None:
    before = built("resnet20")
    norm = before.get_submodule("stage2_3.residual.body.second.norm")
    norm.weight.data.zero_()
    norm.bias.data.zero_()
    after = applied("layer_pruning", before)
    assert isinstance(after.get_submodule("stage2_3.residual"), nn.Identity)
    images = some_images()
    assert torch.allclose(after(images), before(images), atol=1e-5)
    restored = checkpoint.unpack(*checkpoint.pack(Candidate(after), entry("resnet20"), SHAPE, CLASSES)).model
    assert torch.equal(restored(images), after(images))


@pytest.mark.parametrize("technique", ["l2_channel_pruning", "layer_pruning"])
@pytest.mark.parametrize("name", ["resnet20", "shufflenet_v1"])
def test_the_deployed_file_is_smaller_and_computes_the_same(technique: str, name: str) -> None:
    before = built(name)
    after = applied(technique, before)
    large, small = export_onnx(before, SHAPE), export_onnx(after, SHAPE)
    assert len(small) < len(large)
    logits = Deployed(small)(some_images())
    assert torch.allclose(logits, after(some_images()), atol=1e-4)


@pytest.mark.parametrize("name", ["vgg_small", "shufflenet_v2", "mobilenet_v2", "ghostnet"])
def test_blocks_are_removed_up_to_the_last_that_can_be(name: str) -> None:
    before = built(name)
    with pytest.raises(BadInput, match="can remove at most") as refused:
        applied("layer_pruning", before, blocks=100)
    most = int(str(refused.value).split("at most ")[1].split()[0])
    after = applied("layer_pruning", before, blocks=most)
    assert count(after) < count(before)
    assert after(some_images()).shape == (8, CLASSES)


@pytest.mark.parametrize("technique", [f"{criterion}_channel_pruning" for criterion in CRITERIA])
@pytest.mark.parametrize("name", ["mlp_student", "gru"])
def test_channels_need_convolutions(technique: str, name: str) -> None:
    with pytest.raises(BadInput, match=f"{technique} needs a model with convolutions"):
        applied(technique, built(name))


@pytest.mark.parametrize("technique", ["bn_scale_channel_pruning", "network_slimming"])
def test_scales_need_batch_normalisation(technique: str) -> None:
    with pytest.raises(BadInput, match=f"{technique} needs a model with batch normalisation"):
        applied(technique, built("mnist_cnn"))


@pytest.mark.parametrize("name", ["mnist_cnn", "mlp_student", "lstm"])
def test_layer_pruning_needs_a_block_that_keeps_its_shape(name: str) -> None:
    with pytest.raises(BadInput, match="layer_pruning needs a model with blocks"):
        applied("layer_pruning", built(name))
