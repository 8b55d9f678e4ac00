"""What is stored takes room: counted by kind, and what nothing refers to cleared on request only."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs import states
from greenai_core.jobs.access import Access
from greenai_core.record import with_teachers
from greenai_core.store import artifacts, checkpoints, deletions, disk, records
from greenai_core.store.database import writing
from greenai_core.store.disk import Cleared, Usage
from greenai_core.store.eviction import SPARED_S
from greenai_core.store.schema import job
from tests import factory
from tests.store.test_eviction import age

NAMED = factory.record(
    factory.spec(model="mlp_student", technique="distill"), provenance={"model_uri": "models/named.onnx"}
)
STAGE, *TEACHER = with_teachers(NAMED.stages)


@pytest.fixture
def old(own_store: Path) -> Callable[[], None]:
    """Lets every artifact that is stored by now be two hours old."""

    def let() -> None:
        for file in (own_store / "artifacts").rglob("*"):
            stamp = file.stat().st_mtime - 2 * disk.YOUNG_S
            os.utime(file, (stamp, stamp))
        for key in artifacts.grouped("checkpoints"):
            age(key, 2 * SPARED_S)

    return let


def fill() -> None:
    """Store what a record names and as much that none does: a model, checkpoints of three files, a snapshot."""
    records.save(NAMED)
    for name in ("models/named.onnx", "models/loose.onnx", "resume/some/state"):
        artifacts.write(name, b"0123456789")
    for key in (STAGE.key, TEACHER[0].key, "loose"):
        checkpoints.write(key, b"0123456789", b"{}", ())


def submit(state: states.State) -> None:
    with writing() as connection:
        connection.execute(
            job.insert().values(id="j", seq=1, spec_id="s", spec="{}", state=state, attempts=0, submitted_at=0.0)
        )


def of(kind: disk.Kind) -> Usage:
    (found,) = [usage for usage in disk.usage() if usage.kind == kind]
    return found


def loose(kind: disk.Kind) -> tuple[int, int]:
    found = of(kind)
    return found.unreferenced_files, found.unreferenced_bytes


def test_nothing_stored_is_nothing_counted() -> None:
    assert [usage.size_bytes for usage in disk.usage() if usage.kind != "database"] == [0, 0, 0]
    assert of("database").size_bytes > 0
    assert disk.clear(Access.local()) == Cleared(0, 0)


@pytest.mark.usefixtures("any_store")
def test_what_a_record_names_stays_and_the_rest_is_cleared(old: Callable[[], None], own_store: Path) -> None:
    fill()
    old()
    assert of("models") == Usage("models", 2, 20, 1, 10)
    assert of("checkpoints") == Usage("checkpoints", 9, 42, 3, 14)
    assert of("resume") == Usage("resume", 1, 10, 1, 10)
    assert disk.clear(Access.local()) == Cleared(5, 34)
    assert disk.clear(Access.local()) == Cleared(0, 0)
    assert artifacts.exists("models/named.onnx")
    assert checkpoints.stored([STAGE.key]) and checkpoints.stored([TEACHER[0].key])
    assert not (own_store / "artifacts" / "checkpoints" / "loose").exists()
    assert disk.usage()[:3] == (Usage("models", 1, 10), Usage("checkpoints", 6, 28), Usage("resume", 0, 0))


def test_what_can_be_restored_stays_until_the_bin_is_emptied(old: Callable[[], None]) -> None:
    fill()
    old()
    deletion = records.delete([NAMED.run_id], Access.local())
    assert of("models") == Usage("models", 1, 10, 1, 10)
    assert of("bin") == Usage("bin", 1, 10)
    assert disk.clear(Access.local()) == Cleared(5, 34)
    assert artifacts.exists("models/named.onnx") and checkpoints.stored([STAGE.key])
    deletions.restore(deletion, Access.local())
    assert of("models") == Usage("models", 1, 10)
    assert "bin" not in [usage.kind for usage in disk.usage()]
    records.delete([NAMED.run_id], Access.local())
    deletions.empty(Access.local())
    assert disk.clear(Access.local()) == Cleared(7, 38)  # its model is named after another run
    assert of("models").files == of("checkpoints").files == 0


def test_a_model_that_a_stored_record_names_too_is_not_the_bins(old: Callable[[], None]) -> None:
    fill()
    records.save(NAMED.model_copy(update={"run_id": "copy"}))
    records.delete([NAMED.run_id], Access.local())
    assert of("models").files == 2 and "bin" not in [usage.kind for usage in disk.usage()]


def test_a_young_file_is_never_unreferenced() -> None:
    fill()
    assert [loose(kind) for kind in ("models", "checkpoints", "resume")] == [(0, 0)] * 3
    assert disk.clear(Access.local()) == Cleared(0, 0)


def test_a_file_of_unknown_age_is_never_unreferenced(old: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    old()
    monkeypatch.setattr(artifacts, "ages_s", dict.fromkeys)
    assert disk.clear(Access.local()) == Cleared(0, 0)


@pytest.mark.parametrize("state", states.LIVE)
def test_what_a_live_job_may_need_stays(state: states.State, old: Callable[[], None]) -> None:
    fill()
    old()
    submit(state)
    assert "while a job waits" in (disk.in_use() or "")
    assert disk.clear(Access.local()) == Cleared(1, 10)  # the model
    assert artifacts.exists("resume/some/state") and checkpoints.stored(["loose"])


def test_what_a_run_without_a_job_may_need_stays(old: Callable[[], None]) -> None:
    fill()
    old()
    records.keep_unfinished(factory.record(status="aborted", run_id="going on"))
    assert disk.in_use() is not None
    assert loose("checkpoints") == loose("resume") == (0, 0)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "skipped"])
def test_a_job_that_is_over_holds_nothing(state: states.State) -> None:
    submit(state)
    assert disk.in_use() is None


def test_a_checkpoint_that_was_used_just_now_stays(old: Callable[[], None]) -> None:
    fill()
    old()
    checkpoints.restore(["loose"])
    assert disk.clear(Access.local()) == Cleared(2, 20)
    assert checkpoints.stored(["loose"])


def test_data_sets_are_counted_by_folder_and_never_removed(own_store: Path, old: Callable[[], None]) -> None:
    (own_store / "data" / "MNIST" / "raw").mkdir(parents=True)
    (own_store / "data" / "MNIST" / "raw" / "images").write_bytes(b"12345")
    (own_store / "data" / "mine" / "cats").mkdir(parents=True)
    (own_store / "data" / "mine" / "cats" / "1.png").write_bytes(b"123")
    (own_store / "data" / "archive.zip").write_bytes(b"1")
    (own_store / "artifacts").mkdir()
    old()
    disk.clear(Access.local())
    assert [usage for usage in disk.usage() if usage.kind == "data"] == [
        Usage("data", 1, 5, name="MNIST"),
        Usage("data", 1, 3, name="mine"),
        Usage("data", 1, 1, name="(no folder)"),
    ]


def test_a_visitor_who_may_only_look_clears_nothing(old: Callable[[], None]) -> None:
    fill()
    old()
    with pytest.raises(ReadOnly):
        disk.clear(Access.of_dashboard("0.0.0.0", None))
    assert artifacts.exists("models/loose.onnx")


def test_files_anywhere_that_fsspec_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_ARTIFACTS", "memory://disk")
    fill()
    age("loose", 2 * SPARED_S)
    monkeypatch.setattr(artifacts, "ages_s", lambda names: dict.fromkeys(names, 2 * disk.YOUNG_S))
    assert of("checkpoints") == Usage("checkpoints", 9, 42, 3, 14)
    assert disk.clear(Access.local()) == Cleared(5, 34)
    assert [usage.unreferenced_files for usage in disk.usage()[:3]] == [0, 0, 0]


def test_what_cannot_be_removed_is_said(old: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    old()
    files, _ = artifacts._locate("x")

    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(files), "rm", refuse)
    with pytest.raises(BadInput, match=r"a file cannot be removed .*Permission denied"):
        disk.clear(Access.local())
    assert artifacts.exists("models/loose.onnx")
