"""What a run leaves behind that does not succeed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from greenai_core import __main__ as cli
from greenai_core import preview, run, spec, training, unfinished
from greenai_core.analysis import tables
from greenai_core.errors import BadInput, Cancelled, RunFailed
from greenai_core.jobs import supervisor
from greenai_core.jobs.warm import environment
from greenai_core.progress import Progress
from greenai_core.record import Record, with_teachers
from greenai_core.store import checkpoints, database, exchange, records, schema
from tests import factory
from tests.jobs.waiting import until

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
TRAIN: dict[str, Any] = {"name": "train", "epochs": 1}
LONG: dict[str, Any] = {"name": "fine_tune", "epochs": 200}


def a_spec(*recipe: dict[str, Any], model: str = "mlp_student") -> spec.Spec:
    return spec.check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": model},
            "recipe": list(recipe),
            "measurement": {"profile": "none"},
        }
    )


def stopping(at: str, error: BaseException) -> Any:
    """Report to something that raises in the stage `at`, when an epoch of it is done."""

    def report(progress: Progress) -> None:
        if progress.stage == at and progress.epoch_done:
            raise error

    return report


def left_by(wanted: spec.Spec, reporter: Any, error: type[BaseException]) -> list[Record]:
    """Run until it raises; returns every record that was kept."""
    kept: list[Record] = []
    with pytest.raises(error):
        run.execute(wanted, reporter=reporter, run_id="this", keep=kept.append)
    return kept


def test_a_run_that_succeeds_was_aborted_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "KEEP_EVERY_S", 0.0)
    kept: list[Record] = []
    record = run.execute(a_spec(TRAIN, LONG | {"epochs": 2}), keep=kept.append)
    assert {(known.run_id, known.status) for known in kept} == {(record.run_id, "aborted")}
    assert [stage.name for stage in kept[0].stages] == ["train"] and not kept[0].stages[0].ended
    assert kept[-1].stages == record.stages
    spent = [known.energy_spent_j for known in kept]
    assert spent == sorted(spent) and spent[-1] < record.energy_spent_j
    grown = [known.stages[0].energy_j for known in kept if not known.stages[0].ended]
    assert grown == sorted(grown) and 0 < grown[-1] <= record.stages[0].energy_j
    assert len(kept[0].stages[0].curve) < len(record.stages[0].curve)
    for known in kept:
        assert Record.model_validate_json(known.model_dump_json(exclude=set(Record.model_computed_fields))) == known
        assert all(known.notes[name] for name, value in known if value is None)
        assert "/tmp" not in known.model_dump_json() and "test-host" not in known.model_dump_json()


def test_a_record_is_kept_every_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        now = 0.0

    clock, kept = Clock(), []
    monkeypatch.setattr(unfinished, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    followed = unfinished.Unfinished(factory.record(status="aborted"), kept.append, lambda made, watched: None)
    for clock.now in (0.0, 0.6, 1.2, 1.8, 2.4, 3.0, 3.6, 4.2, 4.8):
        followed.tell()
    assert [record.wall_s for record in kept] == [0.0, 2.4, 4.8]


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (Cancelled(), "aborted", "cancelled"),
        (KeyboardInterrupt(), "aborted", "interrupted"),
        (RunFailed("the loss is not a number; lower lr."), "failed", "the loss is not a number; lower lr."),
        (BadInput("weights: there is no such file."), "failed", "weights: there is no such file."),
        (OSError("cannot read '/home/me/x'"), "failed", "OSError: cannot read '(a path)'"),
    ],
)
def test_how_a_run_ended_is_in_its_record(error: BaseException, status: str, why: str) -> None:
    last = left_by(a_spec(TRAIN, LONG), stopping("fine_tune", error), type(error))[-1]
    assert (last.run_id, last.status, last.notes["status"]) == ("this", status, why)
    done, interrupted = last.stages
    assert done.ended and done.accuracy_val is not None
    assert interrupted.window["status"] == "aborted" and not interrupted.ended
    assert interrupted.energy_j > 0 and interrupted.cpu_s > 0 and interrupted.wall_s > 0
    assert [point["epoch"] for point in interrupted.curve] == [1]
    assert (interrupted.accuracy_val, interrupted.params) == (None, None)
    assert last.energy_spent_j > done.energy_j + interrupted.energy_j
    assert last.wall_s > done.wall_s + interrupted.wall_s
    assert last.energy_train_j is None and last.notes["energy_train_j"] == "the run did not end"
    assert last.energy_train_kind == last.energy_spent_kind == "estimated" and last.environment["machine_id"]


def test_stages_say_how_sure_their_energy_is() -> None:
    done = factory.record(factory.spec(technique="l1_channel_pruning", sparsity=0.6), kind="measured").stages
    teacher = done[0].model_copy(update={"window": factory.window("train", "apportioned", 8.0)})
    kept: list[Record] = []
    for ended in ((), done, (done[0].model_copy(update={"teacher": (teacher,)}), *done[1:])):
        followed = unfinished.Unfinished(factory.record(status="aborted"), kept.append, lambda made, watched: None)
        followed.enter(ended)
        followed.keep_now()
    assert [record.energy_train_kind for record in kept] == [None, "measured", "apportioned"]
    assert kept[0].notes["energy_train_kind"] and "energy_train_kind" not in kept[1].notes


@pytest.mark.parametrize(
    ("said", "shared"),
    [
        ("no '/home/me/my data/x.png'", "no '(a path)'"),
        ("/home/me/my data/x.json: cannot be read", "(a path): cannot be read"),
        (r"no 'C:\\Users\\My Name\\an x.png' there", "no '(a path)' there"),
        (r"C:\Program Files (x86)\My Name\x.png: gone", "(a path): gone"),
        (r"\\server\share\my data\x is gone", "(a path) is gone"),
        (r"no '\\\\server\\share\\x'", "no '(a path)'"),
        ("'/home/a b' -> '~/c d'", "'(a path)' -> '(a path)'"),
        ("/data/x must hold train/ and val/", "(a path) must hold train/ and val/"),
        ("https://a.nl/b/c?d=/e cannot be reached", "https://a.nl/b/c?d=/e cannot be reached"),
        ("file:///home/me/x, sqlite:////home/me/x.db", "file:(a path), sqlite:(a path)"),
        ("3/4 and/or '/' or a // b", "3/4 and/or '/' or a // b"),
    ],
)
def test_no_part_of_a_path_is_shared_and_all_of_an_address(said: str, shared: str) -> None:
    assert unfinished.sentence(RunFailed(said)) == shared


def test_what_is_refused_before_it_begins_leaves_nothing() -> None:
    folder = {"name": "image_folder", "path": "nowhere"}
    wanted = spec.check({"dataset": folder, "model": {"name": "mlp_student"}, "recipe": [TRAIN]})
    assert left_by(wanted, lambda progress: None, BadInput) == []


def test_what_is_cancelled_before_its_first_stage_says_what_it_spent() -> None:
    def cancel(progress: Progress) -> None:
        raise Cancelled

    (last,) = left_by(a_spec(TRAIN), cancel, Cancelled)
    assert (last.status, last.stages) == ("aborted", ())
    assert last.energy_spent_j is not None


def test_a_failure_after_the_last_stage_keeps_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RunFailed("the disk is full.")

    monkeypatch.setattr(run.artifacts, "write", lambda name, content: broken() if name.startswith("models") else None)
    last = left_by(a_spec(TRAIN), lambda progress: None, RunFailed)[-1]
    assert last.status == "failed" and [stage.ended for stage in last.stages] == [True]


def test_all_is_kept_before_the_model_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished, "KEEP_EVERY_S", 1e9)
    kept: list[Record] = []
    at: dict[str, int] = {}

    def noting(name: str, work: Any) -> Any:
        def noted(*given: Any) -> Any:
            at[name] = len(kept)
            return work(*given)

        return noted

    monkeypatch.setattr(run.export, "deployed", noting("export", run.export.deployed))
    monkeypatch.setattr(run, "_measure", noting("measure", run._measure))
    record = run.execute(a_spec(TRAIN), keep=kept.append)
    assert at["export"] < at["measure"] == len(kept)
    for known in (kept[at["export"] - 1], kept[-1]):
        assert known.stages == record.stages
        assert known.energy_spent_j > known.stages[0].energy_j
    assert kept[-2].energy_spent_j < kept[-1].energy_spent_j <= record.energy_spent_j


def test_an_interrupted_teacher_stands_within_the_stage_that_it_was_for() -> None:
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [TRAIN, LONG]}
    wanted = a_spec({"name": "distill", "epochs": 200, "teacher": teacher})
    (stage,) = left_by(wanted, stopping("distill: teacher fine_tune", Cancelled()), Cancelled)[-1].stages
    assert (stage.name, stage.ended, stage.energy_j) == ("distill", False, 0.0)
    assert [(part.name, part.model, part.ended) for part in stage.teacher] == [
        ("train", "mnist_cnn", True),
        ("fine_tune", "mnist_cnn", False),
    ]
    assert all(part.energy_j > 0 for part in stage.teacher)

    short = a_spec({"name": "distill", "epochs": 200, "teacher": teacher | {"recipe": [TRAIN]}})
    last = left_by(short, stopping("distill", Cancelled()), Cancelled)[-1]
    assert [(part.name, part.ended) for part in with_teachers(last.stages)] == [("distill", False), ("train", True)]
    assert last.stages[0].energy_j > 0


def test_prices_rest_on_stages_that_were_carried_through() -> None:
    records.save(left_by(a_spec(TRAIN, LONG), stopping("fine_tune", Cancelled()), Cancelled)[-1])
    (key,) = {stage.training_key for record in records.every() for stage in record.stages}
    assert list(preview._history(key, records.version())["name"]) == ["train"]


def test_what_did_not_succeed_cannot_be_timed_again() -> None:
    records.save(left_by(a_spec(TRAIN, LONG), stopping("fine_tune", Cancelled()), Cancelled)[-1])
    with pytest.raises(BadInput, match=r"this: the run did not succeed, .* run its spec again"):
        run.remeasure("this")


@pytest.mark.parametrize("at", ["distill: teacher fine_tune", "distill"])
def test_pages_show_what_a_run_left(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)
    epochs = 200 if at == "distill: teacher fine_tune" else 1
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [TRAIN, LONG | {"epochs": epochs}]}
    wanted = a_spec({"name": "distill", "epochs": 200, "teacher": teacher})
    left = left_by(wanted, stopping(at, Cancelled()), Cancelled)[-1]
    records.save(left)
    records.save(factory.record())
    frame, headings = tables.shown(records.table())
    assert next(iter(frame.columns)) == "status" and headings["status"].heading == "Status"
    assert sorted(frame["status"]) == ["aborted", "succeeded"]
    assert "status" not in tables.shown(records.table()[lambda table: table["status"] == "succeeded"])[0]
    for page in ("overview", "results", "explore"):
        app = AppTest.from_file(FRAME, default_timeout=30).run()
        if page != "overview":
            app.switch_page(f"{page}.py").run()
        assert not app.exception
    one = AppTest.from_function(_inspect, args=(left,), default_timeout=30).run()
    assert not one.exception
    assert [item.value for item in one.warning] == ["This run was aborted: cancelled."]
    (stages,) = [item.value for item in one.dataframe if "Stage" in item.value.columns]
    assert stages.loc[stages["Stage"] == "1. distill", "Remark"].item().startswith("did not end")
    assert not AppTest.from_function(_several, args=(left, factory.record()), default_timeout=30).run().exception


def _inspect(record: object) -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from greenai_core.record import Record
    from pages.components import inspect

    assert isinstance(record, Record)
    inspect.one(record)


def _several(first: object, second: object) -> None:
    """A page by itself, as above."""
    from greenai_core.record import Record
    from pages.components import inspect

    assert isinstance(first, Record) and isinstance(second, Record)
    inspect.several([first, second])


def test_a_failed_run_of_the_command_line_leaves_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def diverge(*_: object) -> float:
        raise RunFailed("the loss is not a number; lower lr.")

    monkeypatch.setattr(training, "accuracy_of", diverge)
    (tmp_path / "spec.json").write_text(a_spec(TRAIN).to_json())
    assert cli.main(["run", str(tmp_path / "spec.json")]) == 1
    (record,) = records.every("own")
    assert (record.status, record.notes["status"]) == ("failed", "the loss is not a number; lower lr.")
    assert record.energy_spent_j > 0 and not record.stages[0].ended
    assert "the loss is not a number; lower lr." in capsys.readouterr().err


def test_a_run_that_is_killed_leaves_what_it_spent(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(a_spec(TRAIN, LONG, model="mnist_cnn").to_json())
    command = [sys.executable, "-m", "greenai_core", "run", str(tmp_path / "spec.json")]
    running = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: running.poll() is not None or trains())
        assert running.poll() is None
        assert records.table("own").empty
    finally:
        running.kill()
        running.wait()
    (record,) = records.every("own")
    assert (record.status, record.notes["status"]) == ("aborted", "the run did not end")
    done, interrupted = record.stages
    assert done.ended and interrupted.window["status"] == "aborted"
    assert interrupted.energy_j > 0 and record.energy_spent_j > done.energy_j + interrupted.energy_j
    assert checkpoints.stored([done.key]) == 1  # the next attempt goes on from here
    exchange.export(tmp_path / "all.json")
    (exported,) = json.loads((tmp_path / "all.json").read_text())["records"]
    assert (exported["run_id"], exported["status"]) == (record.run_id, "aborted")


def trains() -> bool:
    """Whether the second stage of the one run there is has spent something."""
    with database.reading() as connection:
        found = connection.execute(sa.select(schema.run.c.stages)).scalar()
    stages = json.loads(found) if found else []
    return len(stages) == 2 and stages[1]["energy_j"] > 0
