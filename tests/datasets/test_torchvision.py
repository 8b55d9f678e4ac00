"""Data sets that torchvision reads: files found, fetched, damaged or missing."""

from __future__ import annotations

import pickle
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from greenai_core import registry
from greenai_core.datasets import _torchvision
from greenai_core.datasets._base import NotHereError, Splits, fetch_with, outline
from greenai_core.errors import BadInput
from greenai_core.torchvision_import import import_torchvision

GREY = {"mnist": "MNIST", "kmnist": "KMNIST", "fashion_mnist": "FashionMNIST"}


@pytest.fixture(autouse=True)
def small_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_torchvision, "VALIDATION_IMAGES", 20)


def write_idx(folder: Path) -> None:
    """Write the four files in the official format, with a hundred and fifty noise images."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    for split, count in (("train", 100), ("t10k", 50)):
        images = noise.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        header = struct.pack(">iiii", 0x0803, count, 28, 28)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 0x0801, count) + labels.tobytes())


def load(name: str, root: Path) -> Splits:
    return registry.parse("datasets", {"name": name})(root)


@pytest.mark.parametrize("name", GREY)
def test_official_files_are_read(name: str, tmp_path: Path) -> None:
    write_idx(tmp_path / GREY[name] / "raw")
    splits = load(name, tmp_path)
    assert [len(split) for split in (splits.train, splits.val, splits.test)] == [80, 20, 50]
    assert splits.input_shape == outline(registry.parse("datasets", {"name": name})).input_shape
    assert np.bincount(splits.val.labels).tolist() == [2] * 10


def test_cifar10_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_torchvision()
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)  # noise has other checksums
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": None})
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    noise = np.random.default_rng(0)
    for file in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        batch = {"data": noise.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": [i % 10 for i in range(20)]}
        (folder / file).write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    splits = load("cifar10", tmp_path)
    assert splits.input_shape == (3, 32, 32) == outline(registry.parse("datasets", {"name": "cifar10"})).input_shape
    assert [len(split) for split in (splits.train, splits.val, splits.test)] == [80, 20, 20]


def test_damaged_files_are_named_and_stay(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    write_idx(raw)
    file = raw / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(BadInput, match=r"the files of MNIST in .* are damaged .* remove them"):
        load("mnist", tmp_path)
    assert file.exists()


def test_missing_files_are_not_fetched_unasked(tmp_path: Path) -> None:
    with pytest.raises(NotHereError, match="launching downloads it"):
        load("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_files_are_fetched_whole_and_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_torchvision()
    from torchvision.datasets import MNIST

    monkeypatch.setattr(_torchvision, "TELL_EVERY_S", 0.01)
    told: list[str] = []

    def download(self: MNIST) -> None:
        folder = Path(self.raw_folder)
        if not folder.exists():
            write_idx(folder)
        while not told:  # a slow network
            time.sleep(0.01)

    monkeypatch.setattr(MNIST, "download", download)
    with fetch_with(told.append):
        assert len(load("mnist", tmp_path).train) == 80
    assert told[0].startswith("downloading MNIST: ")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["MNIST"]


def test_an_interrupted_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_torchvision()
    from torchvision.datasets import MNIST

    def download(self: MNIST) -> None:
        write_idx(Path(self.raw_folder))
        raise OSError("connection reset")

    monkeypatch.setattr(MNIST, "download", download)
    with fetch_with(lambda text: None), pytest.raises(BadInput, match=r"cannot be downloaded \(connection reset\)"):
        load("mnist", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] in ([], [".fetching.lock"])
