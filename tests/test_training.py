"""The training loop: what it keeps, what it repeats, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from greenai_core import acceleration, registry, training, training_state
from greenai_core.augmentation import MOVES, Augmentation
from greenai_core.candidate import Candidate
from greenai_core.constraints import Constraint, Mask
from greenai_core.constraints.frozen import first
from greenai_core.context import Data, Images
from greenai_core.errors import BadInput, Cancelled, RunFailed
from greenai_core.training_state import Best, State, Training


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Products this small wait for a second thread longer than they take, the more so beside busy neighbours."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


OPTIONS = {"epochs": 2, "lr": 1e-2, "batch_size": 16}


def blobs(n: int = 96, side: int = 6) -> Data:
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.randn(n, 1, side, side, generator=generator) + labels.view(-1, 1, 1, 1)
    return Data(Images(images, labels), Images(images, labels), (1, side, side), 3)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 3))


def trained(
    model: nn.Module, *, seed: int = 0, constraints: tuple[Constraint, ...] = (), **options: object
) -> nn.Module:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    told: list[training.Step] = []
    fitted = training.fit(
        Candidate(model, constraints), blobs(), generator=generator, report=told.append, **{**OPTIONS, **options}
    )
    assert [step.epoch for step in told if step.accuracy_val is not None] == [1, 2]
    return fitted.model


def equal(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


EVERYTHING = Augmentation("flip_shift", rotation=20, cutout=2, mixup=0.4, label_smoothing=0.1)


@pytest.mark.parametrize("augmentation", [*map(Augmentation, MOVES), EVERYTHING])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_seed_same_weights(augmentation: Augmentation, precision: str) -> None:
    one, same = (trained(network(), augmentation=augmentation, precision=precision) for _ in range(2))
    assert equal(one, same)
    assert not equal(one, trained(network(), seed=1, augmentation=augmentation, precision=precision))


def test_the_defaults_are_adamw_on_a_one_cycle_schedule_and_nothing_else() -> None:
    """Bit for bit the loop of a textbook: what is off draws no random number and changes no sum."""
    data, seed = blobs(), 5
    ours = trained(network(), seed=seed, precision="fp32")
    torch.manual_seed(seed)
    model, shuffle = network().to(memory_format=torch.channels_last).train(), torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01, fused=True)
    with acceleration.lean(model):  # dropout draws in its own way
        for step in range(12):
            if step % 6 == 0:
                order = torch.randperm(96, generator=shuffle)
            part = order[step % 6 * 16 : (step % 6 + 1) * 16]
            rate = (step + 1) / 3 if step < 3 else (1 + math.cos(math.pi * (step - 3) / 9)) / 2
            optimizer.param_groups[0]["lr"] = 1e-2 * rate
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(data.train.images[part]), data.train.labels[part]).backward()
            optimizer.step()
    assert all(torch.allclose(a, b, rtol=0, atol=0) for a, b in zip(ours.parameters(), model.parameters(), strict=True))


def test_the_defaults_of_the_techniques_are_those_of_the_loop() -> None:
    options = registry.parse("techniques", {"name": "train", "precision": "fp32", **OPTIONS}).fit_options()
    assert equal(trained(network(), precision="fp32"), trained(network(), **options))


def test_the_loss_is_taken_of_smoothed_and_mixed_targets() -> None:
    seen: list[training.Batch] = []

    def loss(logits: torch.Tensor, batch: training.Batch) -> torch.Tensor:
        seen.append(batch)
        by_hand = -(logits.log_softmax(1) * batch.targets).sum(1).mean()
        assert torch.allclose(training.cross_entropy(logits, batch), by_hand, atol=1e-6)
        return by_hand

    trained(network(), loss=loss, augmentation=Augmentation(label_smoothing=0.3), precision="fp32")
    for batch in seen:
        expected = torch.full((16, 3), 0.1).scatter_(1, batch.labels.view(-1, 1), 0.8)
        assert torch.allclose(batch.targets, expected)
    seen.clear()
    trained(network(), loss=loss, augmentation=Augmentation(mixup=1.0), precision="fp32")
    assert any(not torch.equal(batch.targets, batch.targets.round()) for batch in seen)
    assert all(torch.allclose(batch.targets.sum(1), torch.ones(16)) for batch in seen)


def test_half_precision_trains_on_a_processor() -> None:
    exact, half = (trained(network(), precision=precision) for precision in ("fp32", "fp16"))
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in half.parameters())
    assert not equal(exact, half)
    assert all(torch.allclose(a, b, atol=0.02) for a, b in zip(exact.parameters(), half.parameters(), strict=True))


def test_half_precision_keeps_gradients_that_it_cannot_write() -> None:
    """Scaled by 2^-20 the gradients of the activations are below the smallest number of fp16, but for loss scaling."""

    def small(logits: torch.Tensor, batch: training.Batch) -> torch.Tensor:
        return training.cross_entropy(logits, batch) * 2.0**-20

    before = network()
    after = trained(before, precision="fp16", loss=small, weight_decay=0.0)
    assert not torch.equal(before[0].weight, after[0].weight)


def test_dropout_has_the_rate_of_the_stage_and_its_own_again_afterwards() -> None:
    rates: list[float] = []

    def penalty(model: nn.Module) -> torch.Tensor:
        rates.append(model[3].p)
        return torch.zeros(())

    after = trained(network(), dropout=0.6, penalty=penalty)
    assert set(rates) == {0.6} and after[3].p == 0.2
    assert equal(trained(network(), dropout=0.2), trained(network()))
    assert not equal(trained(network(), dropout=0.0), trained(network()))


def test_dropout_is_refused_where_there_is_none() -> None:
    with pytest.raises(BadInput, match=r"dropout needs a network with dropout layers, .* leave it empty"):
        trained(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), dropout=0.5)


def test_a_hole_as_large_as_the_image_is_refused() -> None:
    with pytest.raises(BadInput, match="cutout of 6 pixels hides images of 6x6; choose a smaller side"):
        trained(network(), augmentation=Augmentation(cutout=6))


def test_learns_and_leaves_its_input_alone() -> None:
    model, data = network(), blobs()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    accuracy = training.accuracy_of(trained(model, batch_size=8), "fp32", data.val.images, data.val.labels)
    assert accuracy > 0.8
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_a_mask_holds_through_training() -> None:
    model = network()
    keep = torch.arange(model[4].weight.numel()).view_as(model[4].weight) % 2 == 0
    mask = Mask({"4.weight": keep})
    mask.project(model)
    after = trained(model, constraints=(mask,))
    assert torch.equal(after[4].weight != 0, keep)
    assert not torch.equal(after[4].weight, model[4].weight)


def test_penalty_shrinks_weights() -> None:
    plain = trained(network())[0].weight.abs().sum()
    penalised = trained(network(), penalty=lambda model: 0.05 * model[0].weight.abs().sum())[0].weight.abs().sum()
    assert penalised < plain


def test_loss_sees_the_images_its_index_names() -> None:
    data = blobs()
    seen: list[torch.Tensor] = []

    def loss(logits: torch.Tensor, batch: training.Batch) -> torch.Tensor:
        assert torch.equal(data.train.images[batch.index], batch.images)
        assert torch.equal(data.train.labels[batch.index], batch.labels)
        seen.append(batch.index)
        return training.cross_entropy(logits, batch)

    trained(network(), loss=loss, precision="fp32", epochs=2)
    assert sorted(torch.cat(seen).tolist()) == sorted([*range(96)] * 2)


def test_a_reporter_that_raises_ends_the_training() -> None:
    def cancel(step: training.Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        training.fit(Candidate(network()), blobs(), generator=torch.Generator(), report=cancel, **OPTIONS)


def test_a_diverging_loss_is_a_failure_that_says_what_to_do() -> None:
    with pytest.raises(RunFailed, match=r"lower the learning rate"):
        trained(network(), lr=1.0, loss=lambda logits, batch: logits.sum() * math.inf)


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trained(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class Kept:
    """Keeps every state, as bytes; `State.tensors` are only lent."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.states, self.fitted = at, {}, []

    def load(self, fits: Callable[[State], bool]) -> State | None:
        if self.at is None:
            return None
        state, tensors = self.states[self.at]
        found = replace(state, tensors=load(tensors))
        self.fitted.append(fits(found))
        return found if self.fitted[-1] else None

    def due(self, last: bool) -> bool:
        return True

    def save(self, state: State) -> None:
        tensors = save({name: value.cpu().contiguous() for name, value in state.tensors.items()})
        self.states[state.epoch] = replace(state, tensors={}), tensors


def normalised(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64, 3),
    )


def run_of(
    model: nn.Module, kept: Kept | None, *, seed: int = 0, stop: tuple[int, float] | None = None, **options: object
) -> tuple[nn.Module, list[training.Step]]:
    """Train for four epochs under a mask and a penalty; `stop` ends it in an epoch, after a share of all steps."""
    told: list[training.Step] = []

    def report(step: training.Step) -> None:
        told.append(step)
        if stop is not None and step.epoch == stop[0] and step.fraction >= stop[1]:
            raise Cancelled

    keep = torch.arange(model[6].weight.numel()).view_as(model[6].weight) % 2 == 0
    mask = Mask({"6.weight": keep})
    mask.project(model)
    torch.manual_seed(seed)
    fitted = training.fit(
        Candidate(model, (mask,)),
        blobs(),
        generator=torch.Generator().manual_seed(seed),
        report=report,
        penalty=lambda network: 1e-3 * network[0].weight.abs().sum(),
        resume=kept,
        **{**OPTIONS, "epochs": 4, **options},
    )
    assert torch.equal(fitted.model[6].weight != 0, keep)
    return fitted.model, told


@pytest.mark.parametrize(
    ("augmentation", "precision", "freeze_out"),
    [
        (Augmentation(), "fp32", 1.0),
        (Augmentation("shift"), "bf16", 0.3),
        (Augmentation("flip_shift"), "auto", 1.0),
        (EVERYTHING, "fp32", 0.6),
        (Augmentation(), "fp16", 0.4),
    ],
)
def test_a_training_that_continues_ends_with_the_very_same_weights(
    augmentation: Augmentation, precision: str, freeze_out: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "REPORT_EVERY_S", -1.0)
    options = {"augmentation": augmentation, "precision": precision, "freeze_out": freeze_out}
    whole, steps = run_of(normalised(), None, **options)
    kept = Kept()
    with pytest.raises(Cancelled):
        run_of(normalised(), kept, stop=(3, 0.6), **options)
    kept.at = 2
    # Another state of every generator, as in another process.
    again, told = run_of(normalised(), kept, seed=99, **options)
    for (name, value), (_, other) in zip(whole.state_dict().items(), again.state_dict().items(), strict=True):
        assert torch.equal(value, other), name
    assert list(kept.states) == [1, 2, 3, 4]
    assert told[0] == replace(
        next(step for step in steps if (step.epoch, step.fraction) == (2, 0.5)), accuracy_val=None
    )
    assert told[1:] == [step for step in steps if step.epoch > 2]


def test_keeping_changes_no_weight() -> None:
    plain, _ = run_of(normalised(), None)
    kept, _ = run_of(normalised(), Kept())
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), kept.parameters(), strict=True))


def test_what_is_not_due_is_not_even_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "due", lambda kept, last: last)
    collected: list[object] = []
    capture = training_state.capture
    monkeypatch.setattr(training_state, "capture", lambda *given: collected.append(given) or capture(*given))
    kept = Kept()
    run_of(normalised(), kept)
    assert list(kept.states) == [4] and len(collected) == 1


def test_a_training_that_is_over_is_not_done_again() -> None:
    kept = Kept()
    whole, _ = run_of(normalised(), kept)
    kept.at = 4
    assert not [name for name in load(kept.states[4][1]) if name.startswith(training_state.MOMENTS)]
    drawn = torch.rand(3)
    again, told = run_of(normalised(), kept, seed=99)
    assert [(step.epoch, step.fraction, step.accuracy_val) for step in told] == [(4, 1.0, None)]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
    assert torch.equal(drawn, torch.rand(3)), "what is drawn afterwards is what would have been drawn"


@pytest.mark.parametrize(
    "change",
    [
        lambda state: replace(state, epochs=5),
        lambda state: replace(state, epoch=0, step=0),
        lambda state: replace(state, epoch=5, step=30),
        lambda state: replace(state, step=7),
        lambda state: replace(state, tensors=state.tensors | {"model/0.weight": torch.zeros(5, 1, 3, 3)}),
        lambda state: replace(state, tensors=state.tensors | {"exp_avg/0.bias": torch.zeros(4).double()}),
        lambda state: replace(state, tensors=state.tensors | {"model/7.weight": torch.zeros(1)}),
        lambda state: replace(state, tensors={n: t for n, t in state.tensors.items() if n != "random/cpu"}),
        lambda state: replace(state, tensors={n: t for n, t in state.tensors.items() if n != "step/0.bias"}),
    ],
)
@pytest.mark.parametrize("best", [False, True])
def test_a_state_of_another_training_does_not_fit(change: Callable[[State], State], best: bool) -> None:
    this = begun(best=best)
    this.model(torch.randn(8, 1, 6, 6)).sum().backward()
    this.optimizer.step()
    known = Best().or_now(this.model, 1, 0.5) if best else Best()
    state = State(2, 4, 12, 0.5, training_state.capture(this, known))
    found = [
        training_state.fits(given, begun(best=best), epochs=4, steps_per_epoch=6) for given in (state, change(state))
    ]
    assert found == [True, False]


def begun(*, best: bool = False, precision: str = "fp32") -> Training:
    model = normalised()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    return Training(model, optimizer, torch.Generator(), acceleration.scaler(precision, torch.device("cpu")), best)


def test_a_state_fits_no_training_with_other_choices() -> None:
    ways = [begun(), begun(best=True), begun(precision="fp16")]
    for way in ways:
        known = Best().or_now(way.model, 1, 0.5) if way.keeps_best else Best()
        state = State(2, 4, 12, 0.5, training_state.capture(way, known))
        fitting = [training_state.fits(state, other, epochs=4, steps_per_epoch=6) for other in ways]
        assert fitting == [other is way for other in ways]


class Judged:
    """Says of each epoch what it was told to, and remembers the weights that it saw."""

    def __init__(self, *accuracies: float) -> None:
        self.accuracies, self.seen = list(accuracies), []

    def __call__(self, model: nn.Module, precision: str) -> float:
        self.seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return self.accuracies[len(self.seen) - 1]


def stopped(judge: Judged, kept: Kept | None = None, **options: object) -> tuple[nn.Module, list[int]]:
    model, told = run_of(normalised(), kept, validate=judge, **options)
    return model, [step.epoch for step in told if step.accuracy_val is not None]


@pytest.mark.parametrize(
    ("accuracies", "patience", "epochs", "best"),
    [
        ([0.5, 0.7, 0.7, 0.6], 2, 4, 2),
        ([0.5, 0.4, 0.3, 0.9], 2, 3, 1),
        ([0.5, 0.4, 0.6, 0.5], 1, 2, 1),
        ([0.5, 0.4, 0.6, 0.7], 3, 4, 4),
        ([0.0, 0.0, 0.0, 0.0], 2, 3, 1),
        ([0.5, 0.9, 0.8, 0.7], 0, 4, 4),
    ],
)
def test_patience_ends_a_training_and_keeps_its_best_epoch(
    accuracies: list[float], patience: int, epochs: int, best: int
) -> None:
    judge = Judged(*accuracies)
    model, done = stopped(judge, patience=patience)
    assert done == list(range(1, epochs + 1))
    assert all(torch.equal(value, judge.seen[best - 1][name]) for name, value in model.state_dict().items())


def test_patience_changes_no_weight_until_it_ends() -> None:
    plain, patient = Judged(0.1, 0.2, 0.3, 0.4), Judged(0.1, 0.2, 0.3, 0.4)
    assert equal(stopped(plain)[0], stopped(patient, patience=1)[0])


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_patient_training_continues_as_if_nothing_had_happened(at: int) -> None:
    accuracies = [0.5, 0.7, 0.6, 0.6]
    kept = Kept()
    whole, _ = stopped(Judged(*accuracies), kept, patience=2)
    assert list(kept.states) == [1, 2, 3, 4]
    kept.at = at
    again, done = stopped(Judged(*accuracies[at:]), kept, seed=99, patience=2)
    assert kept.fitted == [True] and done == list(range(at + 1, 5))
    assert equal(whole, again)


def test_a_training_that_ended_early_is_over() -> None:
    kept = Kept()
    whole, done = stopped(Judged(0.5, 0.4, 0.4, 0.9), kept, patience=2)
    assert done == [1, 2, 3] == list(kept.states)
    assert not [name for name in load(kept.states[3][1]) if name.startswith(training_state.MOMENTS)]
    kept.at = 3
    again, done = stopped(Judged(), kept, seed=99, patience=2)
    assert kept.fitted == [True] and done == []
    assert equal(whole, again)


def test_what_is_frozen_stays_bit_for_bit_and_costs_no_backward_pass() -> None:
    model = normalised()
    frozen = first(model, 2)
    assert set(frozen.by_name) == {"0.weight", "0.bias", "1.weight", "1.bias"}
    gradients: list[bool] = []

    def penalty(network: nn.Module) -> torch.Tensor:
        gradients.append(any(network.get_parameter(name).requires_grad for name in frozen.by_name))
        return 1e-2 * sum(weight.abs().sum() for weight in network.parameters())

    after = training.fit(
        Candidate(model, (frozen,)),
        blobs(),
        generator=torch.Generator(),
        report=lambda step: None,
        penalty=penalty,
        weight_decay=0.5,
        **OPTIONS,
    ).model
    moved = {
        name.partition(".")[0]
        for name, value in after.state_dict().items()
        if not torch.equal(value, model.state_dict()[name])
    }
    assert moved == {"3", "6"}, "neither weights nor statistics of the first two layers"
    assert set(gradients) == {False} and all(p.requires_grad for p in after.parameters())
    assert after.train()[1].training and not after.eval()[1].training


def test_what_takes_the_place_of_a_frozen_layer_is_frozen() -> None:
    model = network()
    frozen = first(model, 1)
    model[0] = nn.Sequential(model[0])
    assert torch.equal(trained(model, constraints=(frozen,))[0][0].weight, model[0][0].weight)


def test_a_state_that_does_not_fit_is_left_alone() -> None:
    whole, _ = run_of(normalised(), kept := Kept())
    kept.at = 2
    kept.states[2] = replace(kept.states[2][0], epochs=5), kept.states[2][1]
    again, told = run_of(normalised(), kept)
    assert kept.fitted == [False] and told[0].epoch == 1
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
