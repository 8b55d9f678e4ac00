"""Augmentation does to images made by hand what its documentation says."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from greenai_core import augmentation, registry
from greenai_core.augmentation import PLAIN, Augmentation

EVERYTHING = Augmentation("flip_shift", rotation=30, cutout=3, mixup=0.5, label_smoothing=0.1)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spots(count: int = 64) -> torch.Tensor:
    """Images of 9x9 with one pixel set, in row 4 and column 3."""
    images = torch.zeros(count, 1, 9, 9)
    images[:, :, 4, 3] = 1
    return images


def found(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    place = images.reshape(len(images), 81).argmax(1)
    return place // 9, place % 9


def moved(name: str) -> torch.Tensor:
    move = augmentation.MOVES[name]
    return move.take(spots(), move.draw(64, seeded()))


@pytest.mark.parametrize(("name", "views"), [("none", 1), ("flip", 2), ("shift", 25), ("flip_shift", 50)])
def test_each_number_is_a_view_of_its_own_and_all_are_drawn(name: str, views: int) -> None:
    move = augmentation.MOVES[name]
    image = torch.rand(1, 1, 9, 9, generator=seeded())
    seen = move.take(image.repeat(views, 1, 1, 1), torch.arange(views))
    assert len({tuple(each.flatten().tolist()) for each in seen}) == views == move.views
    assert any(torch.equal(each, image[0]) for each in seen)
    assert set(move.draw(2000, seeded()).tolist()) == set(range(views))
    assert Augmentation(name).views == views
    assert Augmentation(name, rotation=1).views is Augmentation(name, cutout=1).views is None


@pytest.mark.parametrize("name", augmentation.MOVES)
def test_what_was_seen_can_be_made_again_from_its_number(name: str) -> None:
    images = torch.rand(32, 2, 8, 8, generator=seeded())
    seen, _, view = Augmentation(name).apply(images, torch.zeros(32), seeded())
    assert torch.equal(augmentation.MOVES[name].take(images, view), seen)


def test_shift_moves_by_at_most_two_pixels_and_flip_mirrors() -> None:
    rows, columns = found(moved("shift"))
    assert set((rows - 4).tolist()) == {-2, -1, 0, 1, 2} == set((columns - 3).tolist())
    rows, columns = found(moved("flip_shift"))
    assert columns.max() == 7
    rows, columns = found(moved("flip"))
    assert set(rows.tolist()) == {4} and set(columns.tolist()) == {3, 5}


def test_plain_gives_back_what_it_was_given_and_draws_nothing() -> None:
    images, labels, generator = spots(), torch.zeros(64, dtype=torch.int64), seeded()
    before = generator.get_state()
    assert PLAIN.targets(labels, 3) is labels
    seen, targets, _ = PLAIN.apply(images, labels, generator)
    assert seen is images and targets is labels
    assert torch.equal(before, generator.get_state())


@pytest.mark.parametrize("shape", [(3, 2, 8, 8), (3, 1, 7, 7)])
@pytest.mark.parametrize("quarters", [-1, 0, 1, 2])
def test_a_quarter_turn_is_exact(shape: tuple[int, ...], quarters: int) -> None:
    images = torch.rand(shape, generator=seeded())
    turned = augmentation.rotate(images, torch.full((3,), 90.0 * quarters))
    assert torch.allclose(turned, torch.rot90(images, quarters, (2, 3)), atol=1e-5)


def test_images_that_are_not_square_keep_their_proportions() -> None:
    """A quarter turn about the centre: two pixels to the right of it become two pixels above it."""
    images = torch.zeros(1, 1, 5, 9)
    images[0, 0, 2, 6] = 1
    turned = augmentation.rotate(images, torch.tensor([90.0]))
    assert turned[0, 0, 0, 4] == pytest.approx(1, abs=1e-5)


def test_each_image_turns_by_its_own_angle_within_the_bound() -> None:
    images = torch.zeros(200, 1, 21, 21)
    images[:, :, 10, 18] = 1
    turned, _, _ = replace(PLAIN, rotation=25.0).apply(images, torch.zeros(200), seeded())
    place = turned.reshape(200, -1).argmax(1)
    angles = [math.degrees(math.atan2(10 - int(p) // 21, int(p) % 21 - 10)) for p in place]
    assert -28 < min(angles) < -15 and 15 < max(angles) < 28  # a pixel is half a dozen degrees wide
    assert len(set(angles)) > 5


@pytest.mark.parametrize("side", [1, 4, 5])
def test_a_hole_is_a_square_of_that_side_cut_off_at_the_edge(side: int) -> None:
    images = torch.ones(3000, 2, 12, 10)
    holes = augmentation.cut_out(images, side, seeded()) == 0
    assert torch.equal(holes[:, 0], holes[:, 1])
    rows, columns = holes[:, 0].any(2).sum(1), holes[:, 0].any(1).sum(1)
    assert torch.equal(holes[:, 0].sum((1, 2)), rows * columns), "a rectangle"
    assert rows.max() == side == columns.max() and rows.min() >= side // 2
    assert (rows * columns == side**2).float().mean() > 0.3
    assert holes[:, 0].any(0).all(), "anywhere"
    assert (images == 1).all()


def test_mixup_mixes_images_and_targets_by_the_same_share() -> None:
    """Image k is filled with k and its target is class k, so that each image tells its own mixture."""
    values = torch.arange(8.0)
    images = values.view(8, 1, 1, 1).expand(8, 1, 3, 3)
    mixing = replace(PLAIN, mixup=1.0)
    seen, targets, _ = mixing.apply(images, mixing.targets(torch.arange(8), 8), seeded())
    assert torch.allclose(targets.sum(1), torch.ones(8))
    assert torch.allclose((targets * values).sum(1), seen[:, 0, 0, 0], atol=1e-6)
    shares = targets.max(1).values
    assert ((targets > 0).sum(1) <= 2).all() and 0.5 <= shares.min() < 0.999


def test_mixup_draws_its_share_from_a_beta_distribution() -> None:
    """Its mean is one half, its variance 1 / (8 alpha + 4)."""
    images, targets, generator = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), torch.eye(2), seeded()
    for alpha in (0.2, 5.0):
        # Of two images half of the partners are themselves, whose mixture tells nothing of the share.
        drawn = [augmentation.mix_up(images, targets, alpha, generator)[0].flatten()[1].item() for _ in range(4000)]
        shares = torch.tensor([share for share in drawn if share < 1])
        assert shares.mean() == pytest.approx(0.5, abs=0.05)
        if alpha > 1:
            assert shares.var() == pytest.approx(1 / (8 * alpha + 4), rel=0.15)


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    targets = replace(PLAIN, label_smoothing=0.2).targets(torch.tensor([2, 0]), 4)
    assert torch.allclose(targets, torch.tensor([[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_same_generator_gives_the_same_images(kind: torch.dtype) -> None:
    images = torch.rand(16, 3, 8, 8, generator=seeded()).to(kind)
    before, targets = images.clone(), EVERYTHING.targets(torch.arange(16) % 4, 4)
    one, same, other = (EVERYTHING.apply(images, targets, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one[0], same[0]) and torch.equal(one[1], same[1])
    assert not torch.equal(one[0], other[0])
    assert one[0].dtype == kind and one[0].shape == images.shape
    assert torch.equal(images, before), "what was given is left as it is"


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, False),
        ({"label_smoothing": 0.1, "dropout": 0.3, "patience": 2}, False),
        ({"augment": "flip"}, True),
        ({"rotation": 5}, True),
        ({"cutout": 4}, True),
        ({"mixup": 0.2}, True),
    ],
)
def test_images_change_from_epoch_to_epoch_where_there_is_more_than_one_view(
    fields: dict[str, object], changes: bool
) -> None:
    options = registry.parse("techniques", {"name": "train", **fields}).fit_options()
    assert (options["augmentation"].views != 1) is changes
    images = torch.rand(4, 1, 6, 6, generator=seeded())
    seen, _, _ = options["augmentation"].apply(images, torch.eye(4), seeded())
    assert (seen is not images) is changes


def test_choices_that_came_later_leave_the_identity_of_older_stages_alone() -> None:
    stage = registry.parse("techniques", {"name": "train"})
    assert set(registry.canonical(stage)) == {
        "name", "epochs", "lr", "batch_size", "weight_decay", "augment", "precision",
    }  # fmt: skip
    chosen = registry.parse("techniques", {"name": "train", "dropout": 0.0, "mixup": 0.2})
    assert {"dropout", "mixup"} < set(registry.canonical(chosen))
