"""Data sets: splits that never overlap and never move, and clear words about folders that will not do."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from greenai_core import registry
from greenai_core.datasets._base import Split, Splits, hold_out
from greenai_core.errors import BadInput
from greenai_core.settings import settings

SHARED = Path(os.environ.get("GREENAI_TEST_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))


def load(name: str, root: Path | None = None, **parameters: object) -> Splits:
    return registry.parse("datasets", {"name": name, **parameters})(root or settings().data_dir)


def image_folder(root: Path, classes: dict[str, int], side: int = 10) -> None:
    noise = np.random.default_rng(0)
    for name, count in classes.items():
        (root / "mine" / name).mkdir(parents=True)
        for index in range(count):
            pixels = noise.integers(0, 256, (side, side + 3, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / "mine" / name / f"{index}.png")


def test_digits_is_embedded_and_always_the_same() -> None:
    first, second = load("digits"), load("digits")
    assert first.input_shape == (1, 28, 28)
    assert [len(split) for split in (first.train, first.val, first.test)] == [1078, 360, 359]
    assert first.digest == second.digest
    assert first.train.images.min() == 0 and first.train.images.max() == 255


def test_splits_do_not_overlap() -> None:
    splits = load("digits")
    parts = [{image.tobytes() for image in split.images} for split in (splits.train, splits.val, splits.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_normalisation_centres_the_training_images() -> None:
    splits = load("digits")
    ((mean,), (deviation,)) = splits.normalisation
    scaled = (splits.train.images / 255 - mean) / deviation
    assert abs(scaled.mean()) < 1e-4 and abs(scaled.std() - 1) < 1e-4


def test_digest_sees_one_pixel_and_one_label() -> None:
    splits = load("digits")
    for changed in ("images", "labels"):
        train = Split(splits.train.images.copy(), splits.train.labels.copy())
        getattr(train, changed).flat[5] ^= 1
        assert Splits(train, splits.val, splits.test, splits.classes).digest != splits.digest


def test_hold_out_keeps_the_classes_in_proportion() -> None:
    labels = np.repeat(np.arange(3), (60, 30, 10))
    rest, held = hold_out(Split(np.zeros((100, 1, 2, 2), np.uint8), labels), 0.2)
    assert np.bincount(held.labels).tolist() == [12, 6, 2]
    assert len(rest) == 80


def test_image_folder(tmp_path: Path) -> None:
    image_folder(tmp_path, {"cat": 20, "dog": 10})
    splits = load("image_folder", tmp_path, path="mine", size=16)
    assert splits.classes == ("cat", "dog")
    assert splits.input_shape == (3, 16, 16)
    assert [len(split) for split in (splits.train, splits.val, splits.test)] == [18, 6, 6]
    assert splits.digest == load("image_folder", tmp_path, path="mine", size=16).digest
    assert load("image_folder", tmp_path, path="mine", size=16, colour="grey").input_shape == (1, 16, 16)


def test_image_folder_with_one_class(tmp_path: Path) -> None:
    image_folder(tmp_path, {"cat": 5})
    with pytest.raises(BadInput, match=r"dataset\.path: mine has 1 class sub-folder"):
        load("image_folder", tmp_path, path="mine")


def test_image_folder_with_an_empty_class(tmp_path: Path) -> None:
    image_folder(tmp_path, {"cat": 5, "dog": 0})
    with pytest.raises(BadInput, match="mine/dog holds no image"):
        load("image_folder", tmp_path, path="mine")


def test_image_folder_with_too_few_images(tmp_path: Path) -> None:
    image_folder(tmp_path, {"cat": 5, "dog": 1})
    with pytest.raises(BadInput, match="too few images to split"):
        load("image_folder", tmp_path, path="mine")


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n broken"])
def test_image_folder_with_an_unreadable_image(content: bytes, tmp_path: Path) -> None:
    image_folder(tmp_path, {"cat": 5, "dog": 5})
    (tmp_path / "mine" / "dog" / "bad.png").write_bytes(content)
    with pytest.raises(BadInput, match=r"dog/bad\.png cannot be read as an image"):
        load("image_folder", tmp_path, path="mine")


@pytest.mark.parametrize("path", ["..", "../outside", "/etc", "link"])
def test_image_folder_cannot_leave_the_data_folder(path: str, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "link").symlink_to(outside)
    with pytest.raises(BadInput, match=r"outside GREENAI_DATA_DIR"):
        load("image_folder", root, path=path)


def test_image_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no folder 'nowhere'"):
        load("image_folder", tmp_path, path="nowhere")


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "FashionMNIST").is_dir(), reason="the genuine Fashion-MNIST files are not here")
def test_genuine_fashion_mnist() -> None:
    splits = load("fashion_mnist", SHARED)
    assert [len(split) for split in (splits.train, splits.val, splits.test)] == [55_000, 5_000, 10_000]
    assert np.bincount(splits.val.labels).tolist() == [500] * 10
    assert np.bincount(splits.test.labels).tolist() == [1_000] * 10
    assert splits.classes[0] == "T-shirt/top"


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    splits = load("digits")
    labels = np.concatenate([split.labels for split in (splits.train, splits.val, splits.test)])
    assert np.bincount(labels).tolist() == np.bincount(load_digits().target).tolist()
    # Means survive the resizing, so the set of them tells the images.
    means = sorted(np.concatenate([split.images.mean((1, 2, 3)) for split in (splits.train, splits.val, splits.test)]))
    expected = sorted(load_digits().images.mean((1, 2)) * 255 / 16)
    assert np.corrcoef(means, expected)[0, 1] > 0.999
