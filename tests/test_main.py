"""The command line as scripts use it; few tests start a process, since each costs half a second."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from greenai_core import __main__ as cli
from greenai_core import registry
from greenai_core.errors import RunFailed
from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.warm import environment
from greenai_core.store import records
from tests import factory

SPEC: dict[str, Any] = factory.spec().model_dump(mode="json")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works on the queue."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(SPEC))
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    assert cli.main([str(argument) for argument in arguments]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert cli.main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "greenai_core", *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


def test_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "catalog")
    assert set(found) == {"datasets", "models", "techniques"}
    assert {"digits", "fashion_mnist"} <= {entry["name"] for entry in found["datasets"]}
    assert all(
        {"name", "title", "family", "source", "parameters"} <= set(e) for entries in found.values() for e in entries
    )


def test_answered_spec_is_printed_without_importing_torch(spec_file: Path) -> None:
    record = factory.record()
    records.save(record)
    program = (
        "import sys; from greenai_core.__main__ import main; code = main(sys.argv[1:]);"
        "sys.exit(code or 10 * ('torch' in sys.modules) or 20 * ('pandas' in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, "run", str(spec_file)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["run_id"] == record.run_id


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dataset": {"name": "imagenet"}}, "unknown dataset 'imagenet'; known: "),
        ({"model": {"name": "gpt"}}, "unknown model 'gpt'; known: "),
        ({"recipe": [{"name": "shrink"}]}, "unknown technique 'shrink'; known: "),
        ({"colour": 1}, "colour: there is no such field"),
        ({"recipe": [{"name": "train", "epochs": 0}]}, "recipe.0.epochs: "),
        ({"recipe": [{"name": "l1_channel_pruning"}]}, "recipe"),
    ],
)
@pytest.mark.parametrize("command", ["run", "submit", "preview"])
def test_bad_spec_is_one_line_that_names_the_field(
    command: str, change: dict[str, Any], sentence: str, spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec_file.write_text(json.dumps({**SPEC, **change}))
    assert sentence in refused(capsys, command, spec_file)
    assert queue.jobs() == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"{", "malformed JSON"), (b"\xff", "UTF-8"), (b" " * 2_000_000, "too large"), (None, "cannot be read")],
)
def test_bad_file_is_one_line_that_names_it(
    content: bytes | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_bytes(content)
    said = refused(capsys, "run", path)
    assert "bad.json: " in said and sentence in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["jobs", "nobody"], "there is no job 'nobody'"),
        (["cancel", "nobody"], "there is no job 'nobody'"),
        (["retry", "nobody"], "there is no job 'nobody'"),
        (["remeasure", "nobody"], "there is no record 'nobody'"),
        (["recost", "nobody"], "there is no record 'nobody'"),
        (["recost", "nobody", "--pue", "0.5"], "pue: must be at least 1"),
        (["recost", "nobody", "--g-per-kwh", "30"], "source: say in a few words"),
        (["front", "--objectives", "beauty"], "unknown objective 'beauty'; known: accuracy_val"),
        (["records", "--format", "parquet"], "--out: parquet is not text"),
        (["records", "--format", "table", "--out", "x.csv"], "--out: a table is for reading"),
        (["records", "--import", "nowhere.csv"], "nowhere.csv: cannot be read"),
        (["jobs", "--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_bad_argument_is_one_line(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence in refused(capsys, *arguments)


def test_exit_codes_and_streams_of_a_process(tmp_path: Path) -> None:
    bad = process("run", tmp_path / "nowhere.json")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert (
        bad.stderr.endswith("nowhere.json: cannot be read (No such file or directory).\n")
        and bad.stderr.count("\n") == 1
    )
    (tmp_path / "greenai.db").write_bytes(b"no database" * 100)
    broken = process("jobs")
    assert (broken.returncode, broken.stderr.count("\n")) == (2, 1)


def test_submit_jobs_cancel_retry(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records.save(factory.record())
    spec_file.write_text(json.dumps({"spec": SPEC, "seeds": [0, 1]}))
    answered, queued = told(capsys, "submit", spec_file)["jobs"]
    assert answered == {
        "id": None,
        "state": "succeeded",
        "spec_id": factory.spec().spec_id,
        "run_id": factory.record().run_id,
    }
    assert (queued["state"], queued["run_id"]) == ("queued", None)
    (job,) = told(capsys, "jobs")["jobs"]
    assert {"id", "state", "spec_id", "run_id", "stage", "progress", "attempts", "error"} <= set(job)
    assert told(capsys, "jobs", queued["id"])["jobs"] == [job]
    assert told(capsys, "cancel", queued["id"])["jobs"][0]["state"] == "cancelled"
    (again,) = told(capsys, "retry", queued["id"])["jobs"]
    assert again["state"] == "queued" and again["id"] == queued["id"]
    assert len(told(capsys, "submit", spec_file, "--again")["jobs"]) == 2
    assert len(queue.jobs()) == 3


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (RunFailed("the loss is not a number; lower lr."), "the loss is not a number; lower lr."),
        (KeyboardInterrupt(), "interrupted; nothing was stored."),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "/data/x: the disk is full"),
    ],
)
def test_what_fails_while_it_runs_exits_1_with_one_line(
    problem: BaseException, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise problem

    monkeypatch.setattr(registry, "catalog", fail)
    assert cli.main(["catalog"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith(sentence) and said.err.count("\n") == 1


def test_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "catalog", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["catalog"])


@pytest.mark.slow
def test_run_that_cannot_begin_exits_2_with_one_line(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec_file.write_text(json.dumps({**SPEC, "dataset": {"name": "image_folder", "path": "pictures"}}))
    assert "pictures" in refused(capsys, "run", spec_file)
    assert records.every("own") == ()


def test_records_table_front_and_round_trip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for record in factory.records(seeds=1):
        records.save(record)
    listed = told(capsys, "records")["records"]
    assert len(listed) == len(records.every()) and {record["origin"] for record in listed} == {"own"}
    records.save(factory.record(run_id="lost", status="aborted"))
    assert cli.main(["records", "--format", "table"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    (lost,) = [line.split() for line in lines if "lost" in line.split()]
    assert "status" in heading and "aborted" in lost
    records.delete(["lost"], Access.local())
    fronts = told(capsys, "front", "--objectives", "accuracy_val, size_bytes", "--dataset", "digits")["fronts"]
    assert fronts[0]["objectives"] == ["accuracy_val", "size_bytes"]
    assert all({"run_ids", "accuracy_val", "size_bytes"} <= set(point) for point in fronts[0]["points"])
    served = ("front", "--objectives", "accuracy_val,lifetime_j", "--predictions")
    few, many = (told(capsys, *served, number)["fronts"][0]["points"] for number in ("0", "1e12"))
    assert min(point["lifetime_j"] for point in few) * 1e3 < min(point["lifetime_j"] for point in many)
    for name in ("out.csv", "out.parquet", "out.json"):
        assert cli.main(["records", "--out", str(tmp_path / name)]) == 0
        assert cli.main(["records", "--import", str(tmp_path / name), "--format", "csv"]) == 0
        assert f"0 records imported, {len(listed)} known already" in capsys.readouterr().err
    for command in (["records"], ["front", "--objectives", "accuracy_val,params"], ["catalog"], ["jobs"]):
        assert cli.main([*command, "--format", "table"]) == 0
        assert "{" not in capsys.readouterr().out


def test_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m greenai_core catalog | head -c 10; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, check=False)
    assert (answer.returncode, answer.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["catalog"], ["jobs"], ["submit"], ["records"]])
def test_looking_and_submitting_never_import_torch(arguments: list[str], spec_file: Path) -> None:
    if arguments == ["submit"]:
        records.save(factory.record())  # an answered spec starts no supervisor
        arguments = ["submit", str(spec_file)]
    program = (
        "import sys; from greenai_core.__main__ import main;"
        "sys.exit(main(sys.argv[1:]) or 10 * ('torch' in sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment(), capture_output=True, check=False
    )
    assert answer.returncode == 0


def test_meter_as_a_table_is_one_fact_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["meter", "--format", "table"]) == 0
    said = capsys.readouterr().out
    assert not set("{}[]") & set(said)
    assert "\n  1:\n    id: " in said and "\n  w_per_core: 4.0\n" in said and "\n  intensity: -\n" in said


def test_recost_says_what_a_stored_run_would_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    record = factory.record()
    records.save(record)
    command = ("recost", record.run_id, "--pue", "1.5", "--watts-per-core", "6")
    found = told(capsys, *command, "--g-per-kwh", "30", "--year", "2030", "--source", "a forecast")
    assert found["energy_train_j"] == pytest.approx(1.5 * (record.energy_train_j or 0))
    assert found["facility_train_j"] == pytest.approx(1.5 * found["energy_train_j"])
    assert found["carbon_train_g"] == pytest.approx(found["facility_train_j"] / 3.6e6 * 30)
    assert found["carbon_intensity"] == {
        "g_per_kwh": 30.0,
        "country": None,
        "level": "stated",
        "year": 2030,
        "source": "a forecast",
    }
    assert "of Netherlands there is the carbon intensity of 2023" in refused(
        capsys, "recost", record.run_id, "--country", "NLD", "--year", "2030"
    )
    assert cli.main([*command, "--country", "NLD", "--format", "table"]) == 0
    said = capsys.readouterr().out
    assert "Training, at the wall of the data centre" in said and "Netherlands, mean of 2023" in said
    assert "○ estimated" in said


@pytest.mark.slow
def test_run_here_and_in_the_background(spec_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {**SPEC, "model": {"name": "mlp_student"}, "recipe": [{"name": "train", "epochs": 1}]}
    spec_file.write_text(json.dumps({**small, "measurement": {"profile": "none"}}))
    here = process("run", spec_file)
    assert here.returncode == 0, here.stderr
    record = json.loads(here.stdout)
    assert record["status"] == "succeeded" and "epoch 1/1" in here.stderr
    assert process("run", spec_file).stdout == here.stdout
    monkeypatch.setenv("GREENAI_IDLE_EXIT_S", "1")
    (job,) = json.loads(process("submit", spec_file, "--again").stdout)["jobs"]
    work = process("work", "--until-idle")
    # What it says depends on whether the supervisor that `submit` started is done before it looks.
    assert work.returncode == 0 and work.stdout == ""
    (ended,) = json.loads(process("jobs", job["id"]).stdout)["jobs"]
    assert (ended["state"], ended["progress"], ended["attempts"]) == ("succeeded", 1.0, 1)
    assert {r["run_id"] for r in json.loads(process("records", "--origin", "own").stdout)["records"]} == {
        record["run_id"],
        ended["run_id"],
    }
