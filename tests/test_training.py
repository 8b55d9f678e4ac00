"""The training loop: what it keeps, what it repeats, and how it ends."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from greenai_core import training
from greenai_core.candidate import Candidate, Mask
from greenai_core.context import Data, Images
from greenai_core.errors import Cancelled, RunFailed

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
