"""Files of runs: complete or absent, and never outside their folder."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from greenai_core.errors import BadInput, RunFailed
from greenai_core.store import artifacts


def test_what_is_written_is_read_until_it_is_deleted(own_store: Path) -> None:
    artifacts.write("models/a.onnx", b"one")
    artifacts.write("models/a.onnx", b"two")
    assert artifacts.read("models/a.onnx") == b"two"
    assert [path.name for path in (own_store / "artifacts" / "models").iterdir()] == ["a.onnx"]
    artifacts.delete("models/a.onnx")
    artifacts.delete("models/a.onnx")
    assert not artifacts.exists("models/a.onnx")
    with pytest.raises(BadInput, match=r"models/a\.onnx: there is no such file"):
        artifacts.read("models/a.onnx")


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_an_interrupted_write_leaves_the_old_file(
    reason: int, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.write("checkpoints/k/history.json", b"old")
    files, _ = artifacts._locate("x")

    def full(*args: object, **options: object) -> None:
        raise OSError(reason, "No space left on device")

    monkeypatch.setattr(type(files), "mv", full)
    with pytest.raises(RunFailed, match="the disk is full"):
        artifacts.write("checkpoints/k/history.json", b"new")
    assert artifacts.read("checkpoints/k/history.json") == b"old"
    assert len(list((own_store / "artifacts" / "checkpoints" / "k").iterdir())) == 1


@pytest.mark.parametrize("name", ["../secret", "models/../../secret", "/etc/passwd", "memory://x", "..\\secret"])
def test_a_name_cannot_lead_elsewhere(name: str) -> None:
    for use in (artifacts.read, artifacts.exists, artifacts.delete):
        with pytest.raises(BadInput, match="is not the name of a file"):
            use(name)


@pytest.mark.parametrize("place", ["folder", "memory://listed"])
def test_files_are_listed_and_removed_by_what_they_belong_to(
    place: str, own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENAI_ARTIFACTS", place if "://" in place else str(own_store / place))
    assert artifacts.listing("checkpoints") == () and not artifacts.grouped("checkpoints")
    for name in ("checkpoints/a/one", "checkpoints/a/two", "checkpoints/b/one", "models/c"):
        artifacts.write(name, b"1234")
    found = artifacts.grouped("checkpoints")
    assert {key: [file.name for file in files] for key, files in found.items()} == {
        "a": ["checkpoints/a/one", "checkpoints/a/two"],
        "b": ["checkpoints/b/one"],
    }
    assert {file.size_bytes for file in artifacts.listing("models")} == {4}
    ages_s = artifacts.ages_s(["models/c", "models/none"])
    assert abs(ages_s["models/c"] or 1e9) < 600 and ages_s["models/none"] is None
    artifacts.delete_all("checkpoints/a")
    artifacts.delete_all("checkpoints/a")
    assert set(artifacts.grouped("checkpoints")) == {"b"}
    artifacts.delete_all("checkpoints/b")


@pytest.mark.parametrize("name", ["", "models", "models/", "/"])
def test_a_whole_folder_is_never_removed(name: str) -> None:
    artifacts.write("models/c", b"1234")
    with pytest.raises(BadInput):
        artifacts.delete_all(name)
    assert artifacts.exists("models/c")
