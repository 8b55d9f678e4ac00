"""A killed stage continues from its last snapshot: same weights, and the joules of what survives counted once."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
import torch

from greenai_core import resume, run, spec
from greenai_core.at_work import AtWork, Spent
from greenai_core.energy.window import Window
from greenai_core.errors import Cancelled, RunFailed
from greenai_core.jobs.warm import environment
from greenai_core.progress import Progress
from greenai_core.record import Record, StageRecord, with_teachers
from greenai_core.store import artifacts, checkpoints, database, records, schema, snapshots
from greenai_core.techniques.training.train import Train
from tests.jobs.waiting import until

LONG: dict[str, Any] = {"name": "train", "epochs": 4, "augment": "shift"}
CUT: dict[str, Any] = {"name": "magnitude_pruning", "sparsity": 0.5}
TUNE: dict[str, Any] = {"name": "fine_tune", "epochs": 4}


def a_spec(*recipe: dict[str, Any], model: str = "mlp_student") -> spec.Spec:
    return spec.check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": model},
            "recipe": list(recipe),
            "measurement": {"profile": "none"},
        }
    )


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "RESUME_EVERY_S", 0.0)


def stopping(stage: str, epoch: int, error: BaseException) -> Callable[[Progress], None]:
    """Report to something that raises when so many epochs of a stage are done."""

    def report(progress: Progress) -> None:
        if (progress.stage, progress.epoch, progress.epoch_done) == (stage, epoch, True):
            raise error

    return report


def interrupted(wanted: spec.Spec, stage: str, epoch: int, error: BaseException | None = None) -> Record:
    """Run until an epoch of a stage is done; returns what was left."""
    kept: list[Record] = []
    error = error or Cancelled()
    with pytest.raises(type(error)):
        run.execute(wanted, reporter=stopping(stage, epoch, error), keep=kept.append)
    return kept[-1]


def kept_files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "artifacts" / "resume").rglob("*") if path.is_file())


def uninterrupted(wanted: spec.Spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Record, bytes]:
    """Run a spec in a store of its own; returns its record and its weights after the last stage."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("GREENAI_ARTIFACTS", str(tmp_path / "elsewhere"))
        record = run.execute(wanted)
        return record, weights(record)


def weights(record: Record) -> bytes:
    return checkpoints.read(record.stages[-1].key)[0]


@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize(
    ("model", "recipe", "error"),
    [
        ("mlp_student", (LONG,), Cancelled()),
        ("mlp_student", (LONG | {"epochs": 1}, CUT, TUNE), KeyboardInterrupt()),
        pytest.param("mnist_cnn", (LONG,), RuntimeError("on fire"), marks=pytest.mark.slow),
    ],
)
def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(
    model: str,
    recipe: tuple[dict[str, Any], ...],
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    wanted, name = a_spec(*recipe, model=model), recipe[-1]["name"]
    whole, its_weights = uninterrupted(wanted, monkeypatch, tmp_path)
    left = interrupted(wanted, name, 3, error)
    assert kept_files(tmp_path) and left.stages[-1].resumed is None
    told: list[Progress] = []
    record = run.execute(wanted, reporter=told.append)

    assert weights(record) == its_weights
    assert (record.accuracy, record.accuracy_val) == (whole.accuracy, whole.accuracy_val)
    assert kept_files(tmp_path) == []
    first, *after = [progress for progress in told if progress.stage == name]
    assert (first.epoch, first.epochs, first.epoch_done) == (2, 4, False) and first.loss is not None
    assert [progress.epoch for progress in after if progress.epoch_done] == [3, 4]
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)

    lost, stage = left.stages[-1], record.stages[-1]
    same = ("epoch", "loss", "accuracy_val", "lr")
    expected = [[point[name] for name in same] for point in whole.stages[-1].curve]
    assert [[point[name] for name in same] for point in stage.curve] == expected
    joules = [point["energy_j"] for point in stage.curve]
    assert joules == sorted(joules) and joules[-1] <= stage.energy_j

    kept = stage.resumed
    assert kept is not None and kept["epoch"] == 2
    assert 0 < kept["energy_j"] < lost.energy_j <= left.energy_spent_j
    assert 0 < stage.energy_j - kept["energy_j"] <= stage.window["net_j"] <= record.energy_spent_j
    assert 0 < stage.cpu_s - kept["cpu_s"] <= stage.window["cpu_s"]
    assert 0 < stage.wall_s - kept["wall_s"] <= stage.window["wall_s"] <= record.wall_s
    assert record.energy_train_j == pytest.approx(sum(part.energy_j for part in record.stages))
    assert StageRecord.model_validate_json(stage.model_dump_json()) == stage


@pytest.mark.usefixtures("every_epoch")
def test_an_attempt_that_continues_and_is_interrupted_again_says_what_it_took_over(tmp_path: Path) -> None:
    wanted = a_spec(LONG)
    interrupted(wanted, "train", 2)
    again = interrupted(wanted, "train", 4)
    (stage,) = again.stages
    assert not stage.ended and stage.resumed["epoch"] == 1
    assert [point["epoch"] for point in stage.curve] == [1, 2, 3, 4]
    own = stage.energy_j - stage.resumed["energy_j"]
    assert 0 < own <= again.energy_spent_j, "what an earlier attempt spent is none of this one's"
    (ended,) = run.execute(wanted).stages
    assert ended.resumed["epoch"] == 3
    assert stage.resumed["energy_j"] < ended.resumed["energy_j"] < stage.energy_j
    assert kept_files(tmp_path) == []


@pytest.mark.usefixtures("every_epoch")
def test_a_teacher_continues_as_well() -> None:
    teacher = {"model": {"name": "mlp_student"}, "recipe": [LONG]}
    wanted = a_spec({"name": "distill", "epochs": 2, "teacher": teacher})
    interrupted(wanted, "distill: teacher train", 3)
    left = interrupted(wanted, "distill", 2)
    assert [part.resumed and part.resumed["epoch"] for part in with_teachers(left.stages)] == [None, 2]
    record = run.execute(wanted)
    assert [part.resumed and part.resumed["epoch"] for part in with_teachers(record.stages)] == [1, 2]
    assert record.energy_train_j == pytest.approx(sum(part.energy_j for part in with_teachers(record.stages)))


@pytest.mark.parametrize("every_s", [0.0, 1e9])
def test_a_technique_that_trains_twice_continues_in_the_second_training(
    every_s: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The end of the first training may have been too early to be kept; then it is done again, and billed once."""

    def twice(technique: Train, candidate: Any, ctx: Any) -> Any:
        monkeypatch.setattr(resume, "RESUME_EVERY_S", every_s)
        first = ctx.fit(candidate, **{**technique.fit_options(), "epochs": 2})
        monkeypatch.setattr(resume, "RESUME_EVERY_S", 0.0)
        return ctx.fit(first, **technique.fit_options())

    monkeypatch.setattr(Train, "apply", twice)
    wanted = a_spec(LONG)
    _, its_weights = uninterrupted(wanted, monkeypatch, tmp_path)
    kept: list[Record] = []
    with pytest.raises(Cancelled):
        run.execute(wanted, reporter=stopping("train", 5, Cancelled()), keep=kept.append)
    numbers = json.loads(next((tmp_path / "artifacts" / "resume").rglob("1.json")).read_text())
    told: list[Progress] = []
    record = run.execute(wanted, reporter=told.append)
    done = [progress.epoch for progress in told if progress.epoch_done]
    assert done == ([5, 6] if every_s == 0 else [1, 2, 5, 6])
    assert weights(record) == its_weights
    (stage,) = record.stages
    assert stage.resumed == {"epoch": 4, **{name: numbers["spent"][name] for name in ("energy_j", "cpu_s", "wall_s")}}
    assert [point["epoch"] for point in stage.curve] == [1, 2, 3, 4, 5, 6]
    again = record.energy_spent_j - (stage.energy_j - stage.resumed["energy_j"])
    assert again > 0, "what was done again was spent, and is no part of making the model"
    assert kept_files(tmp_path) == []


def test_a_short_run_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[object] = []
    monkeypatch.setattr(snapshots, "write", lambda *given: written.append(given))
    assert resume.RESUME_EVERY_S == 20.0
    assert run.execute(a_spec(LONG)).stages[0].resumed is None
    assert not written and not (tmp_path / "artifacts" / "resume").exists()


def test_one_is_due_twenty_seconds_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(resume, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    monkeypatch.setattr(snapshots, "write", lambda *given: None)
    begun = SimpleNamespace(spent=lambda: Spent(1.0, 1.0, 1.0, "estimated"), curve=[])
    stage = resume.Resuming("key", "here", begun, nullcontext, lambda: None)  # type: ignore[arg-type]
    first, second = stage.call(), stage.call()
    state = resume.State(1, 2, 3, 0.5, {})
    found = []
    for clock.now in (119.0, 121.0, 122.0, 140.0, 142.0):
        found.append(first.due(last=False))
        if found[-1]:
            first.save(state)
    assert found == [False, True, False, False, True]
    assert not second.due(last=False), "trainings of a stage share the clock"
    assert second.due(last=True), "the end of a training of a long stage is always kept"


@pytest.mark.usefixtures("every_epoch")
def test_writing_is_not_charged_to_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    write = snapshots.write

    def slow(*given: Any) -> None:
        end = time.process_time() + 0.25
        while time.process_time() < end:
            pass
        write(*given)

    monkeypatch.setattr(snapshots, "write", slow)
    record = run.execute(a_spec(LONG))
    assert record.stages[0].cpu_s < record.stages[0].window["cpu_s"] - 0.95
    assert record.stages[0].energy_j < record.stages[0].window["net_j"] - 4 * 0.95


@pytest.mark.usefixtures("every_epoch")
def test_a_full_disk_costs_the_snapshot_and_not_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    write = artifacts.write

    def full(name: str, content: bytes) -> None:
        if name.startswith("resume/"):
            raise RunFailed("the disk is full; make room there.")
        write(name, content)

    monkeypatch.setattr(artifacts, "write", full)
    assert run.execute(a_spec(LONG)).status == "succeeded"
    said = [line for line in caplog.messages if "could not be continued" in line]
    assert len(said) == 1 and "the disk is full" in said[0]
    assert kept_files(tmp_path) == []


def changed(**values: Any) -> Callable[[Path, Path], object]:
    return lambda numbers, tensors: numbers.write_text(json.dumps({**json.loads(numbers.read_text()), **values}))


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "torn tensors": lambda numbers, tensors: tensors.write_bytes(tensors.read_bytes()[:-100]),
    "other tensors": lambda numbers, tensors: tensors.write_bytes(bytes(len(tensors.read_bytes()))),
    "no tensors": lambda numbers, tensors: tensors.unlink(),
    "torn numbers": lambda numbers, tensors: numbers.write_text(numbers.read_text()[:40]),
    "no numbers": lambda numbers, tensors: numbers.write_text("[]"),
    "a path instead of a turn": changed(turn="../../x"),
    "another version": changed(version=2),
    "other conditions": changed(training_key="elsewhere"),
    "no cost": changed(spent=None),
    "no curve": changed(curve=[{"epoch": "first"}]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_snapshot_that_cannot_be_used_is_ignored(
    damage: Callable[[Path, Path], object], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    state = resume.State(2, 4, 6, 0.5, {"model/weight": torch.arange(100.0)})
    begun, _ = a_stage()
    begun.curve += [{"epoch": 1.0}, {"epoch": 2.0}]
    kept = resume.Resuming("key", "here", begun, nullcontext, lambda: None).call()
    kept.save(state)
    seen: list[resume.State] = []

    def loaded() -> resume.State | None:
        again, _ = a_stage()
        found = (
            resume.Resuming("key", "here", again, nullcontext, lambda: None).call().load(lambda s: not seen.append(s))
        )
        assert again.curve == ([] if found is None else begun.curve)
        return found

    found = loaded()
    assert found is not None and torch.equal(found.tensors["model/weight"], state.tensors["model/weight"])
    assert not caplog.records
    folder = tmp_path / "artifacts" / "resume" / "key"
    damage(folder / "0.json", next(folder.glob("*.safetensors")))
    assert loaded() is None and len(seen) == 1
    assert [line for line in caplog.messages if "a snapshot is ignored" in line]


@pytest.mark.usefixtures("every_epoch")
def test_a_run_beside_a_snapshot_of_something_else_begins_anew(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = a_spec(LONG)
    _, its_weights = uninterrupted(wanted, monkeypatch, tmp_path)
    interrupted(wanted, "train", 3)
    changed(epochs=9)(next((tmp_path / "artifacts" / "resume").rglob("0.json")), tmp_path)
    record = run.execute(wanted)
    assert record.stages[0].resumed is None and len(record.stages[0].curve) == 4
    assert weights(record) == its_weights
    assert "it is of another training" in caplog.text
    assert kept_files(tmp_path) == []


@pytest.mark.usefixtures("every_epoch")
def test_the_log_says_where_it_continues(caplog: pytest.LogCaptureFixture) -> None:
    interrupted(a_spec(LONG), "train", 4)
    with caplog.at_level(logging.INFO, "greenai_core"):
        run.execute(a_spec(LONG))
    assert [line for line in caplog.messages if "continues" in line] == ["continues after epoch 3 of 4"]


def test_what_is_valid_is_never_written_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    numbers = {"epoch": 1}
    snapshots.write("key", 0, b"one", numbers)
    write = artifacts.write

    def dying(name: str, content: bytes) -> None:
        if name.endswith(".json"):
            raise OSError("killed here")
        write(name, content)

    with monkeypatch.context() as killed:
        killed.setattr(artifacts, "write", dying)
        with pytest.raises(OSError, match="killed here"):
            snapshots.write("key", 0, b"two", {"epoch": 2})
    assert snapshots.read("key", 0) == (b"one", {"epoch": 1})
    for epoch, content in ((2, b"two"), (3, b"three")):
        snapshots.write("key", 0, content, {"epoch": epoch})
        assert snapshots.read("key", 0) == (content, {"epoch": epoch})
        assert len(kept_files(tmp_path)) == 2
    assert not snapshots.exists("key", 1)
    snapshots.write("key", 2, b"two", numbers)
    snapshots.remove("key")
    assert kept_files(tmp_path) == []


class Bench:
    """An energy window that costs what it is told to."""

    def __init__(self) -> None:
        self.now = a_window(0.0)

    @property
    def closed(self) -> Window:
        raise RuntimeError("still open")

    def so_far(self) -> Window:
        return self.now


def a_window(joules: float | None, kind: Any = "measured") -> Window:
    seconds = joules or 0.0
    known: dict[str, Any] = dict.fromkeys(Window.__dataclass_fields__)
    return Window(
        **{**known, "schema": 2, "status": "ok", "kind": kind, "components": {}, "quality": (), "config": {}}
        | {"notes": {}, "net_j": joules, "cpu_s": 2 * seconds, "wall_s": 3 * seconds}
    )


FACTS: dict[str, Any] = {
    "name": "train",
    "key": "k",
    "dataset": "digits",
    "model": "mlp_student",
    "epochs": 4,
    "images": 10,
    "macs": 5,
    "cached": False,
    "training_key": "here",
}


def a_stage() -> tuple[AtWork, Bench]:
    def joules(made: Window, watched: Any) -> float | None:
        return None if made.net_j is None else made.net_j - sum(window.net_j for window in watched)

    begun, bench = AtWork(FACTS, joules), Bench()
    begun.window = bench  # type: ignore[assignment]
    return begun, bench


def test_a_stage_costs_what_it_took_over_and_what_it_spent_since() -> None:
    begun, bench = a_stage()
    begun.watched.append(a_window(1.0))
    bench.now = a_window(5.0)  # 4 J of its own: what was done before already
    begun.take_over(Spent(100.0, 10.0, 20.0, "measured"), [{"epoch": 1.0}, {"epoch": 2.0}])
    assert begun.spent() == Spent(100.0, 10.0, 20.0, "measured")
    begun.watched.append(a_window(2.0))
    bench.now = a_window(15.0)
    assert begun.spent() == Spent(108.0, 26.0, 44.0, "measured")
    for stage in (begun.record(()), begun.record(())):
        assert (stage.energy_j, stage.cpu_s, stage.wall_s, stage.ended) == (108.0, 26.0, 44.0, False)
        assert stage.resumed == {"epoch": 2, "energy_j": 100.0, "cpu_s": 10.0, "wall_s": 20.0}
        assert (stage.window["net_j"], stage.window["kind"]) == (15.0, "measured")


@pytest.mark.parametrize(
    ("earlier", "now", "kind"),
    [("measured", "apportioned", "apportioned"), ("estimated", "measured", "estimated")],
)
def test_the_sum_is_as_sure_as_its_least_sure_part(earlier: Any, now: Any, kind: str) -> None:
    begun, bench = a_stage()
    bench.now = a_window(5.0, now)
    begun.take_over(Spent(100.0, 10.0, 20.0, earlier, ("shared_machine", "no_idle")), [])
    window = begun.figures(replace(bench.now, quality=("no_idle", "too_short")))["window"]
    assert (window["kind"], window["quality"]) == (kind, ["shared_machine", "no_idle", "too_short"])


@pytest.mark.parametrize(("earlier_j", "now_j"), [(None, 5.0), (100.0, None)])
def test_unknown_joules_make_an_unknown_sum(earlier_j: float | None, now_j: float | None) -> None:
    begun, bench = a_stage()
    begun.take_over(Spent(earlier_j, 10.0, 20.0, "measured"), [])
    bench.now = a_window(now_j)
    spent = begun.spent()
    assert spent.energy_j is None and spent.cpu_s == 10.0 + 2 * (now_j or 0.0)


KILLED = """
import sys, time
from greenai_core import __main__, resume
from greenai_core.store import snapshots
resume.RESUME_EVERY_S = 0.0
write, written = snapshots.write, []
def second(*given):
    write(*given)
    written.append(given)
    if len(written) == 2:
        time.sleep(600)
snapshots.write = second
__main__.main(["run", sys.argv[1]])
"""


def test_a_process_that_is_killed_is_continued_by_another_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = a_spec(LONG)
    _, its_weights = uninterrupted(wanted, monkeypatch, tmp_path)
    (tmp_path / "spec.json").write_text(wanted.to_json())
    running = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "spec.json")],
        env=environment(),
        cwd=Path(__file__).resolve().parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: running.poll() is not None or (kept_epoch(tmp_path) == 2 and epochs_told() == 2))
        assert running.poll() is None
    finally:
        running.kill()
        running.wait()
    (left,) = records.every("own")
    record = run.execute(wanted)
    (stage,) = record.stages
    assert stage.resumed["epoch"] == 2 and weights(record) == its_weights
    assert stage.resumed["energy_j"] <= left.energy_spent_j, "what is taken over was told by who spent it"
    assert record.energy_train_j <= left.energy_spent_j + record.energy_spent_j
    assert kept_files(tmp_path) == []


def kept_epoch(folder: Path) -> int | None:
    found = list((folder / "artifacts" / "resume").rglob("*.json"))
    return json.loads(found[0].read_text())["epoch"] if found else None


def epochs_told() -> int | None:
    """How many epochs the unfinished record of the one run there is holds."""
    with database.reading() as connection:
        stages = json.loads(connection.execute(sa.select(schema.run.c.stages)).scalar() or "[]")
    return len(stages[0]["curve"]) if stages else None
