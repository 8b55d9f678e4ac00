"""Distillation beyond Hinton's: the losses are those of the papers, teachers are heard, and nothing stays behind."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from greenai_core import registry, run, runtime, spec, training, walk
from greenai_core.acceleration import forward
from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.constraints.frozen import first
from greenai_core.context import Context, Data, Images
from greenai_core.errors import BadInput
from greenai_core.export import export_onnx
from greenai_core.techniques.distillation import _features, _maps, _relations, _soft
from greenai_core.training import Batch
from greenai_core.training_state import State
from greenai_core.untrained import applied

CLASSES = 4
SHAPE = (1, 12, 12)
TAUGHT = [name for name in registry.names("techniques") if name == "distill" or name.endswith("_distillation")]
INSIDE = [
    ("attention_distillation", "attention"),
    ("attention_distillation", "feature"),
    ("relational_distillation", "features"),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """The networks are so small that a second thread only waits."""
    given = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(given)


@pytest.fixture(scope="module")
def data() -> Data:
    """Images of noise and labels by chance: whoever agrees with a teacher has learnt it from the teacher."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(96, *SHAPE, generator=generator) + torch.randn(96, 1, 1, 1, generator=generator)
    labels = torch.randint(CLASSES, (96,), generator=generator)
    return Data(Images(images, labels), Images(images, labels), SHAPE, CLASSES)


def network(seed: int, side: int = 12) -> nn.Module:
    """A small convolutional network that is as sure of its random opinions as a trained one."""
    torch.manual_seed(seed)
    layers = OrderedDict(
        conv1=nn.Conv2d(1, 6, 3),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(6, 8, 3),
        relu2=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        flatten=nn.Flatten(),
        fc1=nn.Linear(8 * ((side - 4) // 2) ** 2, 16),
        relu3=nn.ReLU(),
        fc2=nn.Linear(16, CLASSES),
    )
    model = nn.Sequential(layers)
    with torch.no_grad():
        model.fc2.weight.mul_(10)
    return model.eval()


def registered(name: str) -> nn.Module:
    torch.manual_seed(2)
    model: nn.Module = registry.parse("models", {"name": name})(SHAPE, CLASSES)  # type: ignore[operator]
    return model.eval()


def context(data: Data, *teachers: nn.Module, watch: Callable[[nn.Module], object] = lambda model: None) -> Context:
    """Hand out teachers in turn; `watch` sees the copy that trains after each epoch."""
    queue = list(teachers)

    def fit(candidate: Candidate, **options: Any) -> Candidate:
        def validate(model: nn.Module, precision: str) -> float:
            watch(model)
            return training.accuracy_of(model, precision, data.val.images, data.val.labels)

        generator = torch.Generator().manual_seed(0)
        return training.fit(
            candidate, data, generator=generator, report=lambda step: None, validate=validate, **options
        )

    return Context(data, fit, lambda teacher: queue.pop(0), torch.Generator())


def technique(name: str, **fields: Any) -> Any:
    options = {"epochs": 6, "batch_size": 16, "precision": "fp32", "lr": 1e-2, **fields}
    return registry.parse("techniques", {"name": name, **options})


def taught(data: Data, stage: Any, *teachers: nn.Module, student: nn.Module | None = None) -> nn.Module:
    torch.manual_seed(1)
    model: nn.Module = stage.apply(Candidate(student or network(1)), context(data, *teachers)).model
    return model


@torch.no_grad()
def disagreement(data: Data, model: nn.Module, teacher: nn.Module) -> float:
    """Mean squared difference of softened probabilities."""
    said = [F.softmax(each(data.train.images) / 4, 1) for each in (model, teacher)]
    return float(F.mse_loss(*said))


@pytest.fixture(scope="module")
def teacher() -> nn.Module:
    return network(7)


@pytest.fixture(scope="module")
def plain(data: Data) -> nn.Module:
    return taught(data, technique("train"))


# --- the losses, by hand ---------------------------------------------------------------------------------------------


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_decoupled_parts_are_those_of_the_paper() -> None:
    q, p = [0.5, 0.3, 0.2], [0.6, 0.1, 0.3]
    student, taught_by = (torch.tensor([row]).log() + 3 for row in (q, p))  # logits are known up to a constant
    target, others = _soft.decoupled(student, taught_by, torch.tensor([1]))
    assert float(target) == pytest.approx(kl([0.1, 0.9], [0.3, 0.7]), abs=1e-6)
    assert float(others) == pytest.approx(kl([6 / 9, 3 / 9], [5 / 7, 2 / 7]), abs=1e-6)
    # Equation 7: plain distillation is the first plus the second times the teacher's doubt.
    assert float(target + 0.9 * others) == pytest.approx(kl(p, q), abs=1e-6)


def test_the_decoupled_loss_weighs_its_parts(data: Data) -> None:
    stage = technique("decoupled_distillation", temperature=2.0, alpha=3.0, beta=5.0)
    teacher, losses = network(2), []
    caught = replace(context(data, teacher), fit=lambda candidate, **options: losses.append(options["loss"]))
    stage.apply(Candidate(network(1)), caught)
    index, logits = torch.tensor([5, 1]), torch.randn(2, CLASSES)
    labels = data.train.labels[index]
    answers = forward(teacher, data.train.images)[index]
    target, others = _soft.decoupled(logits / 2, answers / 2, labels)
    expected = F.cross_entropy(logits, labels) + 4 * (3 * target + 5 * others)
    said = losses[0](logits, Batch(data.train.images[index], labels, index, labels, torch.zeros_like(index)))
    assert torch.allclose(said, expected, atol=1e-5)


def test_an_unsure_teacher_counts_for_more() -> None:
    sure, unsure = [0.97, 0.01, 0.02], [1 / 3, 1 / 3, 1 / 3]
    entropy = -sum(a * math.log(a) for a in sure) / math.log(3)
    answer, logits = torch.tensor([sure, unsure]).log(), torch.tensor([[0.2, 0.5, 0.3], [0.2, 0.5, 0.3]]).log()
    assert torch.allclose(_soft.uncertainty(answer), torch.tensor([[entropy], [1.0]]), atol=1e-6)
    loss = _soft.soft_and_hard(lambda batch: answer, 1.0, 0.8, _soft.uncertainty)
    labels = torch.tensor([1, 1])
    soft = (entropy * kl(sure, [0.2, 0.5, 0.3]) + 1.0 * kl(unsure, [0.2, 0.5, 0.3])) / 2
    said = loss(logits, Batch(logits, labels, labels, labels, labels))
    assert float(said) == pytest.approx(0.8 * soft - 0.2 * math.log(0.5), abs=1e-5)


def test_an_ensemble_is_the_weighted_mean_of_probabilities() -> None:
    members = [lambda images, p=p: torch.tensor([p]).log() for p in ([0.5, 0.5], [0.1, 0.9])]
    said = _soft.ensemble(members, torch.tensor([0.75, 0.25]))(torch.zeros(1, 1, 1, 1)).exp()
    assert torch.allclose(said, torch.tensor([[0.4, 0.6]]))


def test_attention_is_a_unit_map_of_squared_activations() -> None:
    features = torch.tensor([[[[1.0, 2.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]]]])  # energies 1, 2 / 0, 2
    assert torch.allclose(_maps.attention(features, (2, 2)), torch.tensor([[1.0, 2.0, 0.0, 2.0]]) / 3)
    assert torch.allclose(_maps.attention(features, (1, 2)), torch.tensor([[0.5, 2.0]]) / math.sqrt(4.25))


def test_stages_are_matched_from_the_last_one() -> None:
    image = torch.zeros(1, *SHAPE)
    own, theirs = _features.stages(network(0), image), _features.stages(registered("resnet20"), image)
    assert [(stage.name, stage.channels, stage.size) for stage in own] == [
        ("relu1", 6, (10, 10)),
        ("relu2", 8, (8, 8)),
        ("pool", 8, (4, 4)),
    ]
    assert [stage.size for stage in theirs] == [(12, 12), (6, 6), (3, 3)]
    assert [pair.size for pair in _maps.pairs(own, theirs)] == [(3, 3), (6, 6), (10, 10)]
    assert [pair.student.name for pair in _maps.pairs(own, theirs[1:])] == ["pool", "relu2"]


def test_relations_are_those_of_a_triangle() -> None:
    triangle = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])  # sides 3, 4, 5, whose mean is 4
    assert torch.allclose(_relations.distances(triangle), torch.tensor([[0, 0.75, 1], [0.75, 0, 1.25], [1, 1.25, 0]]))
    corner = _relations.angles(triangle)[:, 1, 2]
    other = _relations.angles(triangle)
    assert float(corner[0]) == pytest.approx(0.0, abs=1e-6)
    assert float(other[1, 0, 2]) == pytest.approx(0.6) and float(other[2, 0, 1]) == pytest.approx(0.8)


def test_relations_do_not_change_with_size_or_place_and_have_gradients() -> None:
    points = torch.randn(70, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = _relations.Weights(25.0, 50.0)
    assert float(_relations.relation_loss(points.detach(), 3 * points.detach() + 1, weights)) == pytest.approx(
        0, abs=1e-8
    )
    loss = _relations.relation_loss(points, points.detach().flip(0), weights)
    loss.backward()
    assert loss > 0 and points.grad is not None and points.grad.isfinite().all() and points.grad.abs().sum() > 0


@pytest.mark.parametrize("alike", [torch.ones(3, 4), torch.ones(1, 4)])
def test_points_without_relations_give_no_gradient_that_is_not_a_number(alike: torch.Tensor) -> None:
    points = alike.requires_grad_()
    _relations.relation_loss(points, torch.randn(len(points), 2), _relations.Weights(1.0, 1.0)).backward()
    assert points.grad is not None and points.grad.isfinite().all()


# --- teachers are heard ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["distill", "decoupled_distillation", "uncertainty_distillation", "multi_teacher_distillation"]
)
@pytest.mark.parametrize("augment", ["none", "shift"])
def test_the_student_agrees_with_its_teacher(
    data: Data, teacher: nn.Module, plain: nn.Module, name: str, augment: str
) -> None:
    student = taught(data, technique(name, augment=augment), teacher, teacher)
    assert disagreement(data, student, teacher) < 0.8 * disagreement(data, plain, teacher)


def test_without_its_soft_part_distillation_is_training(data: Data, teacher: nn.Module, plain: nn.Module) -> None:
    for name in ("distill", "uncertainty_distillation"):
        student = taught(data, technique(name, alpha=0.0), teacher)
        assert torch.allclose(student(data.val.images), plain(data.val.images), atol=1e-5)


def shown(data: Data, model: nn.Module, teacher: nn.Module, name: str, on: str) -> float:
    """How far the student is from what its teacher shows inside, in the terms of the technique."""
    images = data.train.images
    with _features.tapped(model, ["pool", "fc2"]) as own, _features.tapped(teacher, ["pool", "fc2"]) as theirs:
        model(images), teacher(images)
    if on == "attention":
        maps = [_maps.attention(seen["pool"][1], (4, 4)) for seen in (own, theirs)]
        return float(F.mse_loss(*maps))
    if on == "feature":  # what a linear map of the student's channels cannot say of the teacher's
        x, y = (
            seen["pool"][0][0].movedim(1, -1).flatten(0, 2).double() for seen in (own, theirs)
        )  # the input of the pooling is the middle stage
        return float((x @ torch.linalg.lstsq(x, y).solution - y).pow(2).mean())
    relations = [_relations.distances(_features.penultimate(seen, "fc2")) for seen in (own, theirs)]
    return float(F.mse_loss(*relations))


@pytest.mark.parametrize(("name", "on"), INSIDE)
@torch.no_grad()
def test_the_student_shows_inside_what_its_teacher_shows(
    data: Data, teacher: nn.Module, plain: nn.Module, name: str, on: str
) -> None:
    long = {"epochs": 40, "lr": 5e-3}
    weights = {"attention": {"beta": 100.0}, "feature": {"beta": 1000.0, **long}, "features": {}}[on]
    with torch.enable_grad():
        student = taught(data, technique(name, on=on, **weights), teacher)
    assert shown(data, student, teacher, name, on) < 0.8 * shown(data, plain, teacher, name, on)


@pytest.mark.parametrize(("name", "on"), INSIDE)
def test_nothing_stays_on_teacher_or_student(data: Data, teacher: nn.Module, name: str, on: str) -> None:
    seen: list[tuple[list[str], int]] = []

    def watch(model: nn.Module) -> None:
        names = [parameter for parameter, _ in model.named_parameters()]
        seen.append((names, sum(len(layer._forward_hooks) for layer in model.modules())))

    before = network(1)
    after = technique(name, on=on, epochs=2).apply(Candidate(before), context(data, teacher, watch=watch)).model
    assert len(seen) == 2 and all(hooks for _, hooks in seen), "it looks into the copy that trains"
    assert (_maps.PROJECTION in seen[0][0]) == (on == "feature")
    for model in (before, after, teacher):
        assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())
    assert [name for name, _ in after.named_parameters()] == [name for name, _ in before.named_parameters()]


def test_the_projection_trains_with_the_student(data: Data, teacher: nn.Module) -> None:
    seen: list[torch.Tensor] = []

    def watch(model: nn.Module) -> None:
        seen.append(model.get_parameter(_maps.PROJECTION).detach().clone())

    technique("attention_distillation", on="feature", epochs=2).apply(
        Candidate(network(1)), context(data, teacher, watch=watch)
    )
    assert seen[0].shape == (8, 8, 1, 1) and not torch.equal(seen[0], seen[1])


class Kept:
    """Keeps the state after one epoch, and hands it to whoever asks."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.state = epoch, None

    def load(self, fits: Callable[[State], bool]) -> State | None:
        assert self.state is None or fits(self.state)
        return self.state

    def due(self, last: bool) -> bool:
        return True

    def save(self, state: State) -> None:
        if state.epoch == self.epoch and self.state is None:
            self.state = replace(state, tensors={name: value.clone() for name, value in state.tensors.items()})


def test_a_training_with_a_projection_continues_with_the_same_weights(data: Data, teacher: nn.Module) -> None:
    stage, kept = technique("attention_distillation", on="feature", epochs=3), Kept(2)
    outcomes = []
    for _ in range(2):
        known = context(data, teacher)
        resumable = replace(known, fit=partial(known.fit, resume=kept))
        outcomes.append(stage.apply(Candidate(network(1)), resumable).model)
    assert kept.state is not None and f"model/{_maps.PROJECTION}" in kept.state.tensors
    assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in outcomes), strict=True))


def test_a_hook_is_removed_when_training_fails(data: Data, teacher: nn.Module) -> None:
    trained: list[nn.Module] = []

    def watch(model: nn.Module) -> None:
        trained.append(model)
        raise KeyboardInterrupt

    stage = technique("attention_distillation", on="feature")
    with pytest.raises(KeyboardInterrupt):
        stage.apply(Candidate(network(1)), context(data, teacher, watch=watch))
    assert not hasattr(trained[0], _maps.PROJECTION)
    assert not any(layer._forward_hooks for layer in trained[0].modules())


@pytest.mark.parametrize("weights", ["equal", "accuracy"])
def test_every_one_of_several_teachers_is_heard(data: Data, teacher: nn.Module, weights: str) -> None:
    stage = technique("multi_teacher_distillation", weights=weights, epochs=1)
    other, third = network(3), network(4)
    students = [taught(data, stage, *pair) for pair in ((teacher, other), (teacher, third), (other, third))]
    said = [student(data.val.images) for student in students]
    assert not any(torch.equal(a, b) for a, b in ((said[0], said[1]), (said[0], said[2]), (said[1], said[2])))


def test_teachers_weigh_as_much_as_they_are_right(data: Data, teacher: nn.Module, plain: nn.Module) -> None:
    stage = technique("multi_teacher_distillation", weights="accuracy")
    found = [training.accuracy_of(m, "fp32", data.val.images, data.val.labels) for m in (teacher, plain)]
    shares = stage._shares([teacher, plain], context(data))
    assert shares.tolist() == pytest.approx([each / sum(found) for each in found])
    assert found[0] != found[1]


# --- shapes, constraints, refusals -----------------------------------------------------------------------------------


def test_networks_of_other_resolutions_and_widths_teach(data: Data) -> None:
    resnet = registered("resnet20")
    for name, on in INSIDE:
        student = taught(data, technique(name, on=on, epochs=1), resnet)
        assert all(value.isfinite().all() for value in student.state_dict().values())
    flat = taught(data, technique("relational_distillation", epochs=1), resnet, student=registered("mlp_student"))
    assert flat(data.val.images).isfinite().all()


def test_a_deployed_file_teaches_what_it_says_and_shows_nothing_inside(data: Data) -> None:
    file = runtime.Deployed(export_onnx(network(2), SHAPE)).eval()
    for name, fields in (("distill", {}), ("relational_distillation", {"on": "logits"})):
        assert taught(data, technique(name, epochs=1, **fields), file)(data.val.images).isfinite().all()
    with pytest.raises(BadInput, match=r"attention_distillation needs a teacher with convolutions.*deployed file"):
        taught(data, technique("attention_distillation"), file)
    with pytest.raises(BadInput, match=r'relational_distillation needs a teacher .* "logits"'):
        taught(data, technique("relational_distillation"), file)


def test_a_student_without_feature_maps_is_refused_in_the_preview() -> None:
    with pytest.raises(BadInput, match="needs a model with convolutions"):
        applied(technique("attention_distillation"), Candidate(registered("mlp_student")), SHAPE, CLASSES)


@pytest.mark.parametrize("name", TAUGHT)
def test_a_preview_asks_no_teacher(name: str) -> None:
    on = registry.entry("techniques", name).model_fields.get("on")
    for fields in [{"on": choice} for choice in on.annotation.__args__] if on else [{}]:
        before = network(0)
        after = applied(technique(name, **fields), Candidate(before), SHAPE, CLASSES)
        assert [p.shape for p in after.model.parameters()] == [p.shape for p in before.parameters()]


@pytest.mark.parametrize("name", TAUGHT)
def test_removed_weights_stay_removed(data: Data, teacher: nn.Module, name: str) -> None:
    model = network(1)
    mask = Mask({key: torch.rand(p.shape) < 0.5 for key, p in model.named_parameters() if p.dim() > 1})
    mask.project(model)
    kept = technique(name, epochs=1).apply(Candidate(model, (mask,)), context(data, teacher, network(4)))
    for key, keep in mask.by_name.items():
        values = kept.model.get_parameter(key)
        assert not values[~keep].any() and values[keep].all()
    assert kept.constraints == (mask,)


def test_a_generation_is_born_anew_and_learns_from_the_one_before(data: Data, teacher: nn.Module) -> None:
    stage = technique("self_distillation", alpha=1.0, lr=1e-9, weight_decay=0.0, epochs=1)
    born = stage.apply(Candidate(teacher), context(data)).model
    assert all(not torch.equal(a, b) for a, b in zip(born.parameters(), teacher.parameters(), strict=True))
    asked: list[nn.Module] = []
    learnt = technique("self_distillation", alpha=1.0, temperature=4.0, generations=2).apply(
        Candidate(teacher), context(data, watch=asked.append)
    )
    assert len({id(model) for model in asked}) == 2 and len(asked) == 12
    assert disagreement(data, learnt.model, teacher) < 0.8 * disagreement(data, born, teacher)
    assert technique("self_distillation", generations=2).training_epochs == 12


def test_self_distillation_leaves_frozen_blocks_as_they_are(data: Data) -> None:
    taught = registered("plain_cnn")
    for value in taught.state_dict().values():
        if value.is_floating_point():
            value.add_(0.1 * torch.rand_like(value))  # statistics that are not those of a fresh network
    frozen = first(taught, 2)
    after = technique("self_distillation", generations=2).apply(Candidate(taught, (frozen,)), context(data))
    before, blocks = taught.state_dict(), {name.partition(".")[0] for name in frozen.by_name}
    same = {name for name, value in after.model.state_dict().items() if torch.equal(value, before[name])}
    assert len(blocks) == 2
    assert {name for name in before if name.partition(".")[0] in blocks} <= same
    fresh = {name for name, _ in taught.named_parameters()} - frozen.by_name.keys()
    assert fresh and not fresh & same


def test_hints_are_asked_for_in_every_epoch_and_maps_once() -> None:
    counts = [
        walk.teaching_macs(technique("attention_distillation", on=on), 10, [7]) for on in ("attention", "feature")
    ]
    assert counts == [70, 420]


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ({"epochs": 3}, 1),
        ({"epochs": 1}, 1),
        ({"epochs": 4, "augment": "flip"}, 2),
        ({"epochs": 3, "augment": "flip"}, 3),
        ({"epochs": 60, "augment": "shift"}, 60),
        ({"epochs": 4, "augment": "flip", "mixup": 0.2}, 4),
    ],
)
def test_a_teacher_is_asked_once_about_each_view_where_that_halves_the_asking(
    fields: dict[str, object], asks: int
) -> None:
    """One that repeats the pixels: what was kept is what it would say of the very batch."""
    images, labels = torch.randn(300, *SHAPE), torch.arange(300) % CLASSES
    many = Data(Images(images, labels), Images(images[:9], labels[:9]), SHAPE, CLASSES)
    stage = technique("distill", **fields)
    asked: list[int] = []

    def pixels(images: torch.Tensor) -> torch.Tensor:
        asked.append(len(images))
        return images.flatten(1)

    answers = stage.answers(pixels, context(many))

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        assert torch.equal(answers(batch), batch.images.flatten(1))
        return logits.logsumexp(1).mean()

    options = stage.fit_options() | {"precision": "fp32", "batch_size": 128, "loss": loss}
    generator = torch.Generator().manual_seed(0)
    training.fit(Candidate(network(1)), many, generator=generator, report=lambda step: None, **options)
    assert stage.asks == asks == sum(asked) / 300


def test_each_generation_asks_the_one_before_it() -> None:
    stage = technique("self_distillation", generations=5, epochs=2, augment="flip")
    assert (stage.kept_views, stage.asks) == (None, 2)


def test_where_a_transfer_starts_from_is_asked_nothing() -> None:
    assert registry.parse("techniques", {"name": "transfer"}).asks == 0


# --- in a recipe -----------------------------------------------------------------------------------------------------


def test_the_dense_network_teaches_the_pruned_one_and_is_trained_once() -> None:
    train = {"name": "train", "epochs": 1, "precision": "fp32"}
    dense = {"model": {"name": "lenet5"}, "recipe": [train]}
    recipe = [
        train,
        {"name": "magnitude_pruning", "sparsity": 0.8},
        {"name": "distill", "epochs": 1, "precision": "fp32", "teacher": dense},
    ]
    document = {"dataset": {"name": "digits"}, "model": {"name": "lenet5"}, "recipe": recipe}
    record = run.execute(spec.check({**document, "measurement": {"profile": "none", "threads": 1}}))
    first, _, distilled = record.stages
    assert [part.key for part in distilled.teacher] == [first.key] and distilled.teacher[0].cached
    assert record.energy_train_j == pytest.approx(sum(stage.energy_j or 0 for stage in record.stages)), "paid once"
    assert record.nonzero_params < 0.25 * record.params
