"""Unstructured pruning: exact counts, the right weights, what was removed stays removed."""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn

from greenai_core import checkpoint, export, registry, spec, training, untrained
from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.context import Context, Data, Images
from greenai_core.errors import BadInput
from greenai_core.registry import FunctionEntry, canonical
from greenai_core.techniques.unstructured_pruning._masking import masked, prune, singles, weights_of

SHAPE = (1, 12, 12)
MODELS: dict[str, dict[str, object]] = {
    "mlp_student": {},
    "mnist_cnn": {},
    "mobilenet_v3_small": {"width": 0.25},
    "lstm": {"hidden": 32},
}
BY_WEIGHT = ("magnitude_pruning", "random_pruning")


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    """Untrained networks; techniques leave them alone."""
    torch.manual_seed(0)
    return {name: entry(name)(SHAPE, 3).eval() for name in MODELS}


def entry(name: str) -> FunctionEntry:
    found = registry.parse("models", {"name": name, **MODELS[name]})
    assert isinstance(found, FunctionEntry)
    return found


@dataclass
class Fitted:
    """A `fit` that moves every weight a little, as training would, and remembers what it was asked for."""

    begun: list[Candidate] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)

    def __call__(self, candidate: Candidate, *, epochs: int, **options: Any) -> Candidate:
        self.begun.append(candidate)
        self.epochs.append(epochs)
        moved = masked(candidate, {})
        generator = torch.Generator().manual_seed(len(self.begun))
        for weight in weights_of(moved.model).values():
            weight.add_(1e-3 * torch.randn(weight.shape, generator=generator))
        for constraint in moved.constraints:
            constraint.project(moved.model)
        return moved


def tiny_data() -> Data:
    labels = torch.arange(24) % 3
    images = Images(torch.randn(24, *SHAPE, generator=torch.Generator().manual_seed(0)), labels)
    return Data(images, images, SHAPE, 3)


def apply(
    technique: dict[str, object],
    candidate: nn.Module | Candidate,
    fit: Callable[..., Candidate] | None = None,
    seed: int = 0,
) -> Candidate:
    before = candidate if isinstance(candidate, Candidate) else Candidate(candidate)
    context = Context(tiny_data(), fit or Fitted(), lambda teacher: nn.Identity(), torch.Generator().manual_seed(seed))
    return registry.parse("techniques", technique).apply(before, context)


def flat(model: nn.Module) -> torch.Tensor:
    return torch.cat([weight.flatten() for weight in weights_of(model).values()])


def zeros(weight: torch.Tensor) -> int:
    return int((weight == 0).sum())


def percent_of(number: int, percent: int) -> int:
    return number * percent // 100


@pytest.mark.parametrize("percent", [0, 25, 29, 50, 90])
def test_magnitude_pruning_removes_exactly_the_smallest(percent: int, networks: dict[str, nn.Module]) -> None:
    sparsity = percent / 100
    after = flat(apply({"name": "magnitude_pruning", "sparsity": sparsity}, networks["mlp_student"]).model)
    before = flat(networks["mlp_student"]).abs()
    assert zeros(after) == percent_of(len(before), percent)
    if sparsity:
        assert before[after == 0].max() <= before[after != 0].min()


def test_of_equal_weights_no_more_are_removed_than_asked_for() -> None:
    layer = nn.Sequential(nn.Linear(10, 10))
    nn.init.constant_(layer[0].weight, 0.5)
    after = apply({"name": "magnitude_pruning", "sparsity": 0.37}, layer).model
    assert (after[0].weight.flatten() == 0).tolist() == [True] * 37 + [False] * 63


@pytest.mark.parametrize("scope", ["global", "per_layer"])
@pytest.mark.parametrize("percent", [28, 29, 55, 57, 58])
def test_as_many_are_removed_as_the_decimal_number_says(percent: int, scope: str) -> None:
    """As floats, 100 * 0.29 is a little less than 29."""
    layer = nn.Sequential(nn.Linear(10, 10))
    after = apply({"name": "magnitude_pruning", "sparsity": percent / 100, "scope": scope}, layer).model
    assert zeros(after[0].weight) == percent


@pytest.mark.parametrize("scope", ["global", "per_layer"])
@pytest.mark.parametrize("name", BY_WEIGHT)
@pytest.mark.parametrize("model", MODELS)
def test_counts_and_a_checkpoint(model: str, name: str, scope: str, networks: dict[str, nn.Module]) -> None:
    after = apply({"name": name, "sparsity": 0.7, "scope": scope}, networks[model])
    left = weights_of(after.model)
    if scope == "global":
        assert zeros(flat(after.model)) == percent_of(len(flat(after.model)), 70)
    else:
        assert all(zeros(weight) == percent_of(weight.numel(), 70) for weight in left.values())
    restored = checkpoint.unpack(*checkpoint.pack(after, entry(model), SHAPE, 3))
    images = tiny_data().val.images
    assert torch.equal(restored.model(images), after.model.eval()(images))
    assert all(
        torch.equal(restored.constraints[0].by_name[n], keep) for n, keep in after.constraints[0].by_name.items()
    )


def test_recurrent_weights_are_pruned(networks: dict[str, nn.Module]) -> None:
    after = apply({"name": "magnitude_pruning", "sparsity": 0.9, "scope": "per_layer"}, networks["lstm"])
    assert {"recurrent.weight_ih_l0", "recurrent.weight_hh_l0", "fc.weight"} == set(after.constraints[0].by_name)
    images = tiny_data().val.images
    assert not torch.equal(after.model(images), networks["lstm"](images))


@pytest.mark.parametrize(("before", "again"), [(0.5, 0.8), (0.8, 0.5)])
@pytest.mark.parametrize("name", BY_WEIGHT)
def test_pruning_again_keeps_what_was_removed(
    before: float, again: float, name: str, networks: dict[str, nn.Module]
) -> None:
    once = apply({"name": name, "sparsity": before}, networks["mlp_student"])
    for parameter in once.model.parameters():
        parameter.data.add_(1e-3)  # as training would
    twice = apply({"name": name, "sparsity": again}, once, seed=1)
    (first,), (second,) = once.constraints, twice.constraints
    assert all(not (second.by_name[n] & ~first.by_name[n]).any() for n in first.by_name)
    assert zeros(flat(twice.model)) == math.floor(len(flat(twice.model)) * max(before, again))


def test_fields_that_came_later_change_no_identity() -> None:
    old = registry.parse("techniques", {"name": "magnitude_pruning", "sparsity": 0.5})
    assert canonical(old) == {"name": "magnitude_pruning", "sparsity": 0.5}
    document = {"dataset": {"name": "digits"}, "model": {"name": "mnist_cnn"}}
    recipe = [{"name": "train", "epochs": 1}, {"name": "magnitude_pruning", "sparsity": 0.5}]
    assert spec.check({**document, "recipe": recipe}).spec_id == "38e2d1be63eb1b45"


def test_cubic_rises_in_ever_smaller_steps_with_training_between(networks: dict[str, nn.Module]) -> None:
    fit = Fitted()
    cubic = {"name": "magnitude_pruning", "sparsity": 0.8, "schedule": "cubic", "steps": 4, "epochs_per_step": 2}
    after = apply(cubic, networks["mlp_student"], fit)
    number = len(flat(after.model))
    expected = [math.floor(number * 0.8 * (1 - (1 - step / 4) ** 3)) for step in (1, 2, 3, 4)]
    reached = [zeros(flat(candidate.model)) for candidate in (*fit.begun, after)]
    assert reached == pytest.approx(expected, abs=1) and reached[-1] == math.floor(number * 0.8)
    assert fit.epochs == [2, 2, 2] and registry.parse("techniques", cubic).training_epochs == 6
    assert registry.parse("techniques", {**cubic, "schedule": "one_shot"}).training_epochs == 0


def test_cubic_begins_where_an_earlier_mask_ends(networks: dict[str, nn.Module]) -> None:
    half = apply({"name": "magnitude_pruning", "sparsity": 0.5}, networks["mlp_student"])
    fit = Fitted()
    apply({"name": "magnitude_pruning", "sparsity": 0.9, "schedule": "cubic", "steps": 2}, half, fit)
    number = len(flat(half.model))
    assert zeros(flat(fit.begun[0].model)) == pytest.approx(number * (0.9 - 0.4 / 8), abs=1)


@pytest.mark.parametrize("scope", ["global", "per_layer"])
def test_cubic_begins_with_the_groups_that_are_gone(scope: str, networks: dict[str, nn.Module]) -> None:
    """A half of the kernels is a small part of all weights, most of which are in linear layers."""
    kernels = {"name": "kernel_pruning", "scope": scope}
    half = apply({**kernels, "sparsity": 0.5}, networks["mnist_cnn"])
    fit = Fitted()
    apply({**kernels, "sparsity": 0.9, "schedule": "cubic", "steps": 4}, half, fit)
    gone = [sum(int((w.flatten(2) == 0).all(2).sum()) for w in kernels_of(each.model)) for each in fit.begun]
    number = sum(weight.shape[0] * weight.shape[1] for weight in kernels_of(half.model))
    assert gone == pytest.approx([number * (0.9 - 0.4 * (1 - step / 4) ** 3) for step in (1, 2, 3)], abs=2)


def kernels_of(model: nn.Module) -> list[torch.Tensor]:
    return [weight for weight in weights_of(model).values() if weight.dim() == 4]


def test_random_masks_follow_from_the_seed_and_nothing_else(networks: dict[str, nn.Module]) -> None:
    first, same, other = (
        flat(apply({"name": "random_pruning"}, networks["mlp_student"], seed=seed).model) == 0 for seed in (0, 0, 1)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)
    magnitudes = flat(networks["mlp_student"]).abs()
    assert float(magnitudes[first].mean()) == pytest.approx(float(magnitudes[~first].mean()), rel=0.05)


@pytest.mark.parametrize("model", ["mnist_cnn", "mobilenet_v3_small"])
def test_kernels_go_as_a_whole(model: str, networks: dict[str, nn.Module]) -> None:
    before = weights_of(networks[model])
    after = weights_of(apply({"name": "kernel_pruning", "sparsity": 0.6, "scope": "global"}, networks[model]).model)
    kernels = torch.cat(
        [(weight == 0).flatten(2).float().mean(2).flatten() for weight in after.values() if weight.dim() == 4]
    )
    assert set(kernels.tolist()) == {0, 1} and int(kernels.sum()) == math.floor(len(kernels) * 0.6)
    assert all(torch.equal(weight, before[name]) for name, weight in after.items() if weight.dim() == 2)


def test_kernels_of_least_mean_magnitude_go(networks: dict[str, nn.Module]) -> None:
    before = networks["mnist_cnn"].conv2.weight.abs().mean((2, 3))
    after = apply({"name": "kernel_pruning", "sparsity": 0.3}, networks["mnist_cnn"]).model
    gone = after.conv2.weight.abs().sum((2, 3)) == 0
    assert before[gone].max() < before[~gone].min()


def test_depthwise_kernels_are_not_all_taken_for_small(networks: dict[str, nn.Module]) -> None:
    after = apply({"name": "kernel_pruning"}, networks["mobilenet_v3_small"]).model
    depthwise = [weight for weight in weights_of(after).values() if weight.dim() == 4 and weight.shape[1] == 1]
    assert depthwise and all(zeros(weight) == len(weight) // 2 * weight[0].numel() for weight in depthwise)


@pytest.mark.parametrize("model", ["mlp_student", "lstm"])
def test_kernel_pruning_refuses_a_network_without_convolutions(model: str, networks: dict[str, nn.Module]) -> None:
    with pytest.raises(BadInput, match="kernel_pruning needs a model with convolutions"):
        apply({"name": "kernel_pruning"}, networks[model])


@pytest.mark.parametrize(("axis", "place"), [("row", 3), ("column", 2), ("input", 1)])
@pytest.mark.parametrize("model", MODELS)
def test_vectors_go_as_a_whole(axis: str, place: int, model: str, networks: dict[str, nn.Module]) -> None:
    after = apply({"name": "vector_pruning", "sparsity": 0.6, "axis": axis}, networks[model])
    for weight in weights_of(after.model).values():
        along = place if weight.dim() == 4 else 1
        runs = [part.abs().sum(along) for part in weight.split(4, along)]
        whole = [(part != 0).all(along) | (part == 0).all(along) for part in weight.split(4, along)]
        assert all(bool(each.all()) for each in whole)
        gone = torch.stack(runs) == 0
        assert int(gone.sum()) == math.floor(gone.numel() * 0.6)


@pytest.mark.parametrize("model", MODELS)
def test_two_of_four_inputs_are_left(model: str, networks: dict[str, nn.Module]) -> None:
    once = apply({"name": "magnitude_pruning", "sparsity": 0.3}, networks[model])
    for before in (networks[model], once):
        after = weights_of(apply({"name": "two_four_pruning"}, before).model)
        start = weights_of(before.model if isinstance(before, Candidate) else before)
        for name, weight in after.items():
            whole = weight.shape[1] // 4 * 4
            fours = weight[:, :whole].transpose(1, -1).unflatten(-1, (-1, 4)) if whole else torch.zeros(0, 4)
            original = start[name][:, :whole].abs().transpose(1, -1).unflatten(-1, (-1, 4)) if whole else fours
            assert bool(((fours == 0).sum(-1) >= 2).all()), name
            if before is networks[model]:
                assert bool(((fours == 0).sum(-1) == 2).all()), name
            assert torch.allclose(fours.abs().sum(-1), original.topk(2, -1).values.sum(-1)), name
            assert torch.equal(weight[:, whole:], start[name][:, whole:]), "what is left over stays"
        assert any(zeros(weight) for weight in after.values())


def test_two_four_pruning_refuses_a_network_of_narrow_layers() -> None:
    with pytest.raises(BadInput, match="needs a model with a layer of four inputs or more"):
        apply({"name": "two_four_pruning"}, nn.Sequential(nn.Linear(3, 8)))


def test_a_winning_ticket_begins_with_its_initial_weights(networks: dict[str, nn.Module]) -> None:
    fit = Fitted()
    lottery = {"name": "lottery_ticket", "sparsity": 0.8, "rounds": 3, "epochs": 2}
    after = apply(lottery, networks["mlp_student"], fit)
    initial, number = flat(networks["mlp_student"]), len(flat(networks["mlp_student"]))
    for done, candidate in enumerate(fit.begun):
        weights = flat(candidate.model)
        assert torch.equal(weights, initial * (weights != 0)), "rewound"
        assert zeros(weights) == pytest.approx(number * (1 - 0.2 ** (done / 3)), abs=1)
    assert zeros(flat(after.model)) == math.floor(number * 0.8)
    assert sum(fit.epochs) == registry.parse("techniques", lottery).training_epochs == 8


def test_a_ticket_can_be_rewound_to_a_later_epoch(networks: dict[str, nn.Module]) -> None:
    fit = Fitted()
    lottery = {"name": "lottery_ticket", "rounds": 1, "rewind_epochs": 1}
    apply(lottery, networks["mlp_student"], fit)
    begun, later, ticket = (flat(candidate.model) for candidate in fit.begun)
    assert torch.equal(begun, flat(networks["mlp_student"])) and not torch.equal(begun, later)
    assert torch.equal(ticket, later * (ticket != 0)) and zeros(ticket)
    assert fit.epochs == [1, 5, 5] and registry.parse("techniques", lottery).training_epochs == 11


def test_a_random_ticket_has_the_same_mask_and_fresh_weights(networks: dict[str, nn.Module]) -> None:
    fits = {ticket: Fitted() for ticket in ("winning", "random")}
    won, drawn = (
        apply({"name": "lottery_ticket", "ticket": ticket, "rewind_epochs": 1}, networks["mlp_student"], fit)
        for ticket, fit in fits.items()
    )
    assert all(torch.equal(drawn.constraints[0].by_name[n], keep) for n, keep in won.constraints[0].by_name.items())
    fresh = fits["random"].begun[-2]
    for name, weight in weights_of(networks["mlp_student"]).items():
        shuffled = weights_of(fresh.model)[name]
        assert not torch.equal(shuffled, weight)
        assert torch.equal(shuffled.flatten().sort().values, weight.flatten().sort().values)
    lottery = registry.parse("techniques", {"name": "lottery_ticket", "ticket": "random", "rewind_epochs": 1})
    assert sum(fits["random"].epochs) == lottery.training_epochs == 22


@pytest.mark.parametrize("name", [*BY_WEIGHT, "kernel_pruning", "vector_pruning", "two_four_pruning", "lottery_ticket"])
def test_zeros_survive_training_and_the_preview_counts_them(name: str, networks: dict[str, nn.Module]) -> None:
    def fit(candidate: Candidate, **options: Any) -> Candidate:
        options = {**options, "epochs": 1}
        generator = torch.Generator().manual_seed(0)
        return training.fit(candidate, tiny_data(), generator=generator, report=lambda step: None, **options)

    torch.manual_seed(0)
    cubic = {"schedule": "cubic"} if name in ("magnitude_pruning", "kernel_pruning") else {}
    after = apply({"name": name, **cubic}, networks["mnist_cnn"], fit)
    on = fit(after, lr=1e-2)
    (mask,) = on.constraints
    assert isinstance(mask, Mask)
    assert all(torch.equal(on.model.get_parameter(n) != 0, keep) for n, keep in mask.by_name.items())
    assert not torch.equal(flat(on.model), flat(after.model))
    shown = untrained.applied(
        registry.parse("techniques", {"name": name, **cubic}), Candidate(networks["mnist_cnn"]), SHAPE, 3
    )
    removed = [sum(zeros(keep) for keep in c.constraints[0].by_name.values()) for c in (shown, after)]
    assert removed[0] == removed[1] == zeros(flat(on.model)) > 0


def test_only_a_compressed_file_shrinks(networks: dict[str, nn.Module]) -> None:
    dense, pruned = (
        export.export_onnx(model.eval(), SHAPE)
        for model in (
            networks["mlp_student"],
            apply({"name": "magnitude_pruning", "sparsity": 0.9}, networks["mlp_student"]).model,
        )
    )
    assert len(pruned) == len(dense)
    assert len(lzma.compress(pruned)) < 0.3 * len(lzma.compress(dense))


def test_dropout_follows_the_weights_that_are_left(networks: dict[str, nn.Module]) -> None:
    network = networks["mnist_cnn"]
    after = apply({"name": "magnitude_pruning", "sparsity": 0.9, "scope": "per_layer"}, network).model
    assert after.dropout2.p == pytest.approx(network.dropout2.p * math.sqrt(0.1), rel=0.01)


def test_groups_of_which_nothing_is_left_count_as_removed() -> None:
    layer = Candidate(nn.Sequential(nn.Linear(10, 10)))
    weight = layer.model[0].weight.detach()
    ids = {"0.weight": singles(weight)}
    once = prune(layer, ids, {"0.weight": torch.ones(10, 10)}, 0.4, "global")
    # Were they ranked by their importance, the first forty would stay and others go.
    importance = {"0.weight": torch.arange(100.0, 0, -1).view(10, 10)}
    twice = prune(once, ids, importance, 0.5, "global")
    assert zeros(twice.model[0].weight) == 50
