from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs.warm import WarmProcess, WorkerLostError, environment
from greenai_core.quiet_waiting import ENVIRONMENT
from tests.jobs import fake_worker
from tests.jobs.waiting import until

SERVE = """
import os, sys
from greenai_core.errors import BadInput
from greenai_core.jobs.warm import serve
def refuse(): raise BadInput("sparsity: too much")
def defect(): return 1 / 0
def loud(): print("printed"); os.write(1, b"written\\n"); return os.environ["OMP_WAIT_POLICY"]
def prepare():
    if os.environ.get("BROKEN"): raise ImportError("no torch here")
serve({"refuse": refuse, "defect": defect, "loud": loud}, prepare)
"""


@pytest.fixture
def worker() -> Iterator[WarmProcess]:
    process = WarmProcess(fake_worker.MODULE)
    yield process
    process.kill()


@pytest.fixture
def scripted(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module beside the test that serves calls which end badly."""
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "scripted_worker.py").write_text(SERVE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return "scripted_worker"


def test_calls_are_answered_in_order_also_those_asked_while_it_loads(worker: WarmProcess) -> None:
    answers = [worker.ask("say", text=str(number)) for number in range(20)]
    assert [answer.result(30) for answer in answers] == [str(number) for number in range(20)]
    assert worker.ask("pid").result(30) == worker.pid != os.getpid()


def test_what_is_raised_there_is_raised_here_and_prints_are_no_answers(scripted: str) -> None:
    process = WarmProcess(scripted)
    with pytest.raises(BadInput, match="sparsity: too much"):
        process.ask("refuse").result(30)
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ZeroDivisionError"):
        process.ask("defect").result(30)
    assert process.ask("loud").result(30) == ENVIRONMENT["OMP_WAIT_POLICY"] == "passive"
    process.close()


def test_death_is_told_to_whoever_waits_and_to_whoever_comes_later(worker: WarmProcess) -> None:
    waiting = [worker.ask("leave"), worker.ask("say", text="never")]
    for answer in waiting:
        with pytest.raises(WorkerLostError, match="the worker ended with exit code 7"):
            answer.result(30)
    assert not worker.alive
    with pytest.raises(WorkerLostError):
        worker.ask("pid").result(30)


def test_worker_that_cannot_load_says_why(scripted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "1")
    process = WarmProcess(scripted)
    with pytest.raises(WorkerLostError, match="exit code 1: ImportError: no torch here"):
        process.ask("loud").result(30)


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    program = (
        "import time; from greenai_core.jobs.warm import WarmProcess;"
        f"w = WarmProcess('{fake_worker.MODULE}'); print(w.ask('pid').result(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment(), text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
