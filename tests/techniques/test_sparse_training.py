"""Sparse training: penalties that leave zeros, gates that leave nothing but plain weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn.utils import parametrize

from greenai_core import checkpoint, registry, training, untrained
from greenai_core.candidate import Candidate
from greenai_core.context import Context, Data, Images
from greenai_core.errors import BadInput, Cancelled
from greenai_core.techniques.sparse_training._gates import BETA, GAMMA, ZETA, Gate, expected_share, gated
from greenai_core.techniques.unstructured_pruning._masking import weights_of
from greenai_core.training_state import State

SIDE = 8
SHAPE = (1, SIDE, SIDE)
QUICK = {"epochs": 4, "lr": 1e-2, "batch_size": 16, "precision": "fp32"}


@pytest.fixture(scope="module")
def data() -> Data:
    """Images whose class is the brightness of their upper half; the lower half is noise."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(3, (192,), generator=generator)
    images = torch.randn(192, *SHAPE, generator=generator)
    images[:, :, : SIDE // 2] += 2 * labels.view(-1, 1, 1, 1) - 2
    return Data(Images(images, labels), Images(images, labels), SHAPE, 3)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(288, 3)
    )


@dataclass
class Fit:
    """Trains on the data, tells what was reported, and keeps or takes up a state where it is given a keeper."""

    data: Data
    keeper: Any = None
    stop: int | None = None
    seed: int = 0
    told: list[training.Step] = field(default_factory=list)

    def __call__(self, candidate: Candidate, **options: Any) -> Candidate:
        def report(step: training.Step) -> None:
            self.told.append(step)
            if step.epoch == self.stop:
                raise Cancelled

        generator = torch.Generator().manual_seed(self.seed)
        torch.manual_seed(self.seed)
        return training.fit(candidate, self.data, generator=generator, report=report, resume=self.keeper, **options)


def apply(technique: dict[str, object], model: nn.Module | Candidate, fit: Fit) -> Candidate:
    candidate = model if isinstance(model, Candidate) else Candidate(model)
    context = Context(fit.data, fit, lambda teacher: nn.Identity(), torch.Generator())
    return registry.parse("techniques", {**QUICK, **technique}).apply(candidate, context)


def zeros(model: nn.Module) -> int:
    return sum(int((weight == 0).sum()) for weight in weights_of(model).values())


def is_gated(model: nn.Module) -> bool:
    return any(parametrize.is_parametrized(module) for module in model.modules())


def accuracy(model: nn.Module, data: Data) -> float:
    return training.accuracy_of(model, "fp32", data.val.images, data.val.labels)


def test_a_gate_is_the_hard_concrete_distribution() -> None:
    torch.manual_seed(0)
    assert (pytest.approx(2 / 3), -0.1, 1.1) == (BETA, GAMMA, ZETA)
    gate = Gate((3,), 1.0, torch.ones(3, 4))
    with torch.no_grad():
        gate.scaled_log_alpha.copy_(torch.tensor([-3.0, 0.0, 3.0]))
        drawn = torch.stack([gate(torch.ones(3)) for _ in range(4000)])
        likely = gate.eval()(torch.ones(3))
        open_share = gate.expected() / 12
    assert likely.tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert bool(((drawn >= 0) & (drawn <= 1)).all()) and len(drawn[:, 1].unique()) > 1000
    assert float(open_share) == pytest.approx(float((drawn > 0).float().mean()), abs=0.01)


def test_gates_leave_plain_weights_where_they_were() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with gated(model, {"0.weight": (8, 1, 1, 1), "5.weight": (3, 288)}, 1.0):
        assert is_gated(model)
        assert 0.9 < float(expected_share(model).detach()) < 1
    assert not is_gated(model) and type(model[0]) is nn.Conv2d
    after = model.state_dict()
    assert set(after) == set(before)
    for name, value in after.items():
        likely = 0.98 if name in ("0.weight", "5.weight") else 1  # sigmoid(OPEN), stretched
        assert torch.allclose(value, likely * before[name], rtol=1e-5), name


@pytest.mark.parametrize("group", ["weight", "channel"])
def test_gates_close_where_weights_do_not_pay(group: str, data: Data) -> None:
    free, priced = (
        apply({"name": "l0_regularisation", "group": group, "l0": l0, "gate_speed": 60}, network(), Fit(data))
        for l0 in (0, 3)
    )
    assert zeros(free.model) < 0.1 * 936 and zeros(priced.model) > 0.2 * 936 * (group == "weight")
    assert zeros(priced.model) > zeros(free.model)
    assert accuracy(priced.model, data) > (0.9 if group == "weight" else 0.7), "a third is chance; one channel is left"
    (mask,) = priced.constraints
    assert all(torch.equal(priced.model.get_parameter(n) != 0, keep) for n, keep in mask.by_name.items())
    if group == "channel":
        assert set(mask.by_name) == {"0.weight"}, "the classes stay"
        rows = priced.model[0].weight.flatten(1)
        assert bool(((rows == 0).all(1) | (rows != 0).all(1)).all())
    on = Fit(data)(priced, **QUICK)
    assert all(torch.equal(on.model.get_parameter(n) != 0, keep) for n, keep in mask.by_name.items())


def test_validation_sees_the_gates_at_their_likely_values(data: Data) -> None:
    fit = Fit(data)
    after = apply({"name": "l0_regularisation"}, network(), fit)
    told = [step.accuracy_val for step in fit.told if step.accuracy_val is not None]
    assert len(told) == 4 and told[-1] == accuracy(after.model, data)


class Kept:
    """Keeps every state, as bytes, and gives back that of one epoch."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.states: dict[int, tuple[State, bytes]] = {}

    def load(self, fits: Callable[[State], bool]) -> State | None:
        if self.at is None:
            return None
        state, tensors = self.states[self.at]
        found = replace(state, tensors=load(tensors))
        assert fits(found)
        return found

    def due(self, last: bool) -> bool:
        return True

    def save(self, state: State) -> None:
        tensors: Mapping[str, torch.Tensor] = {name: value.cpu().contiguous() for name, value in state.tensors.items()}
        self.states[state.epoch] = replace(state, tensors={}), save(dict(tensors))


@pytest.mark.parametrize("at", [2, 4])
@pytest.mark.parametrize(
    "technique", [{"name": "l0_regularisation"}, {"name": "l1_regularisation", "group": "channel"}]
)
def test_a_training_that_continues_ends_with_the_very_same_weights(
    at: int, technique: dict[str, object], data: Data
) -> None:
    whole = apply(technique, network(), Fit(data))
    kept = Kept()
    run = partial(apply, technique, network())
    if at == 4:  # over, but the stage was not
        run(Fit(data, kept))
    else:
        with pytest.raises(Cancelled):
            run(Fit(data, kept, stop=at + 1))
    kept.at = at
    again = run(Fit(data, kept, seed=99))
    assert all(torch.equal(value, again.model.state_dict()[name]) for name, value in whole.model.state_dict().items())


@pytest.mark.parametrize("scope", ["global", "per_layer"])
def test_l1_leaves_exactly_so_many_weights(scope: str, data: Data) -> None:
    technique = {"name": "l1_regularisation", "sparsity": 0.75, "scope": scope}
    after = apply(technique, network(), Fit(data))
    assert zeros(after.model) == (72 + 864) * 3 // 4
    on = Fit(data)(after, **QUICK)
    assert zeros(on.model) == zeros(after.model) and accuracy(on.model, data) > 0.9
    shown = untrained.applied(registry.parse("techniques", technique), Candidate(network()), SHAPE, 3)
    assert zeros(shown.model) == zeros(after.model)


@pytest.mark.parametrize(("group", "weight", "threshold"), [("weight", 1e-2, 5e-3), ("channel", 0.1, 0.05)])
def test_a_penalty_makes_more_weights_small(group: str, weight: float, threshold: float, data: Data) -> None:
    technique = {"name": "l1_regularisation", "group": group, "sparsity": 0, "threshold": threshold}
    free, drawn = (apply({**technique, "l1": l1}, network(), Fit(data)) for l1 in (0, weight))
    assert zeros(drawn.model) > zeros(free.model)
    for after in (free, drawn):
        for name, keep in after.constraints[0].by_name.items():
            left = after.model.get_parameter(name)
            small = left.abs() if group == "weight" else left.abs().flatten(1).mean(1)
            assert bool((small[small > 0] >= threshold).all()) and torch.equal(left != 0, keep)


def test_l1_of_channels_takes_whole_channels_and_leaves_the_classes(data: Data) -> None:
    after = apply({"name": "l1_regularisation", "group": "channel", "sparsity": 0.5}, network(), Fit(data))
    rows = after.model[0].weight.flatten(1)
    assert int((rows == 0).all(1).sum()) == 4 and zeros(after.model) == 4 * 9


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.95])
def test_no_layer_loses_all_channels_to_those_of_larger_weights(sparsity: float) -> None:
    """The weights of a wide layer are small by themselves."""
    torch.manual_seed(0)
    model = registry.parse("models", {"name": "mnist_cnn"})((1, 12, 12), 3)
    technique = registry.parse("techniques", {"name": "l1_regularisation", "group": "channel", "sparsity": sparsity})
    after = untrained.applied(technique, Candidate(model), (1, 12, 12), 3).model
    rows = [weight.flatten(1) for weight in list(weights_of(after).values())[:-1]]
    gone = [int((row == 0).all(1).sum()) for row in rows]
    assert all(number <= max(0.9, sparsity) * len(row) for number, row in zip(gone, rows, strict=True))
    assert sum(gone) == pytest.approx(224 * sparsity, abs=len(rows))


@pytest.mark.parametrize("group", ["weight", "channel"])
@pytest.mark.parametrize("name", ["l0_regularisation", "l1_regularisation"])
@pytest.mark.parametrize("model", ["mlp_student", "mobilenet_v3_small", "lstm"])
def test_networks_of_every_kind(model: str, name: str, group: str) -> None:
    torch.manual_seed(0)
    labels = torch.arange(8) % 3
    images = Images(torch.randn(8, 1, 12, 12), labels)
    data = Data(images, images, (1, 12, 12), 3)
    entry = registry.parse("models", {"name": model, **({"width": 0.25} if "mobile" in model else {})})
    candidate = Candidate(entry((1, 12, 12), 3))
    assert len(list(weights_of(candidate.model).values())[-1]) == 3, "the last layer's channels are the classes"
    technique = {"name": name, "group": group, "epochs": 1}
    if (model, name) == ("lstm", "l0_regularisation"):
        with pytest.raises(BadInput, match="needs a model without recurrent layers"):
            apply(technique, candidate, Fit(data))
        return
    after = apply(technique, candidate, Fit(data))
    restored = checkpoint.unpack(*checkpoint.pack(after, entry, (1, 12, 12), 3))
    assert torch.equal(restored.model(images.images), after.model.eval()(images.images))
    assert not is_gated(after.model) and zeros(candidate.model) == 0


def test_gates_are_refused_where_weights_are_masked(data: Data) -> None:
    masked = apply({"name": "l1_regularisation"}, network(), Fit(data))
    with pytest.raises(BadInput, match="l0_regularisation needs weights that no earlier stage"):
        apply({"name": "l0_regularisation"}, masked, Fit(data))


def test_a_preview_of_gates_counts_every_weight_as_kept() -> None:
    technique = registry.parse("techniques", {"name": "l0_regularisation"})
    assert zeros(untrained.applied(technique, Candidate(network()), SHAPE, 3).model) == 0
