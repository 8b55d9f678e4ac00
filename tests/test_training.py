"""The training loop: what it keeps, what it repeats, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from greenai_core import training, training_state
from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.context import Data, Images
from greenai_core.errors import Cancelled, RunFailed
from greenai_core.training_state import State

OPTIONS = {"epochs": 2, "lr": 1e-2, "batch_size": 16}


def blobs(n: int = 96, side: int = 6) -> Data:
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(3, (n,), generator=generator)
    images = torch.randn(n, 1, side, side, generator=generator) + labels.view(-1, 1, 1, 1)
    return Data(Images(images, labels), Images(images, labels), (1, side, side), 3)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 3))


def trained(model: nn.Module, *, seed: int = 0, constraints: tuple[Mask, ...] = (), **options: object) -> nn.Module:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    told: list[training.Step] = []
    fitted = training.fit(
        Candidate(model, constraints), blobs(), generator=generator, report=told.append, **{**OPTIONS, **options}
    )
    assert [step.epoch for step in told if step.accuracy_val is not None] == [1, 2]
    return fitted.model


@pytest.mark.parametrize("augment", list(training.AUGMENTATIONS))
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_seed_same_weights(augment: str, precision: str) -> None:
    first, second = (trained(network(), augment=augment, precision=precision) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    other = trained(network(), seed=1, augment=augment, precision=precision)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


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


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing() -> None:
    rates = [training.one_cycle(step, 100, 0.5) for step in range(100)]
    assert max(rates) == pytest.approx(0.5)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.01
    assert training.one_cycle(0, 1, 0.5) == pytest.approx(0.5)


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        trained(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_shift_moves_by_at_most_two_pixels_and_flip_mirrors() -> None:
    image = torch.zeros(64, 1, 9, 9)
    image[:, :, 4, 3] = 1
    moved = training.AUGMENTATIONS["shift"](image, torch.Generator().manual_seed(0))
    rows, columns = moved.view(64, 81).argmax(1) // 9, moved.view(64, 81).argmax(1) % 9
    assert set((rows - 4).tolist()) == {-2, -1, 0, 1, 2} == set((columns - 3).tolist())
    mirrored = training.AUGMENTATIONS["flip_shift"](image, torch.Generator().manual_seed(0))
    assert (mirrored.view(64, 81).argmax(1) % 9).max() == 7


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


@pytest.mark.parametrize(("augment", "precision"), [("none", "fp32"), ("shift", "bf16"), ("flip_shift", "auto")])
def test_a_training_that_continues_ends_with_the_very_same_weights(
    augment: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "REPORT_EVERY_S", -1.0)
    options = {"augment": augment, "precision": precision}
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
def test_a_state_of_another_training_does_not_fit(change: Callable[[State], State]) -> None:
    model = normalised()
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    model(torch.randn(8, 1, 6, 6)).sum().backward()
    optimizer.step()
    generator = torch.Generator()
    state = State(2, 4, 12, 0.5, training_state.capture(model, optimizer, generator))
    found = [
        training_state.fits(known, normalised(), generator, epochs=4, steps_per_epoch=6)
        for known in (state, change(state))
    ]
    assert found == [True, False]


def test_a_state_that_does_not_fit_is_left_alone() -> None:
    whole, _ = run_of(normalised(), kept := Kept())
    kept.at = 2
    kept.states[2] = replace(kept.states[2][0], epochs=5), kept.states[2][1]
    again, told = run_of(normalised(), kept)
    assert kept.fitted == [False] and told[0].epoch == 1
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
