"""A process that has torch loaded and waits for work: both ends of the pipe.

One JSON object per line. The near end sends ``{"id", "call", "arguments"}`` and gets ``{"id", "result"}`` or ``{"id",
"error", "kind"}``. The far end leaves when its standard input ends, which is what it sees when the process that
started it dies, however that dies and on whatever system.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import IO, Any

from greenai_core import __path__ as package
from greenai_core import quiet_waiting
from greenai_core.errors import BadInput, RunFailed

WORKER = "greenai_core.jobs.worker"
"""The module that runs jobs."""

_KINDS: dict[str, type[Exception]] = {"BadInput": BadInput, "RunFailed": RunFailed}
_LAST_WORDS = 40

logger = logging.getLogger(__name__)


class WorkerLostError(RuntimeError):
    """The process ended before it answered."""


def environment() -> dict[str, str]:
    """Return the environment for a process of this package that may be started from any folder."""
    root = Path(package[0]).resolve().parent
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


class WarmProcess:
    """The near end: starts ``python -m module`` at once, and hands it one call after the other.

    Args:
        module: calls `serve` when it is run.
    """

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**environment(), **quiet_waiting.ENVIRONMENT},
        )
        self._ids = count()
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._lost: WorkerLostError | None = None
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._listener = threading.Thread(target=self._listen_for_words, daemon=True)
        self._listener.start()
        threading.Thread(target=self._listen_for_answers, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process can still be asked."""
        return self._lost is None and self._process.poll() is None

    def ask(self, call: str, **arguments: Any) -> Future[Any]:
        """Hand over one call; returns at once, also while the process is still loading.

        The future ends with the result, with the `BadInput` or `RunFailed` that was raised there, with a
        `RuntimeError` that holds the traceback of anything else, or with `WorkerLostError`.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._lost is not None:
                future.set_exception(self._lost)
                return future
            number = next(self._ids)
            self._waiting[number] = future
            try:
                _pipe(self._process.stdin).write(_line({"id": number, "call": call, "arguments": arguments}))
                _pipe(self._process.stdin).flush()
            except OSError:
                self._process.kill()  # it cannot be told anything: the end of its output answers for it
        return future

    def kill(self) -> None:
        """End the process without asking; whoever waits for an answer gets `WorkerLostError`."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let the process leave by itself."""
        with self._lock:
            try:
                _pipe(self._process.stdin).close()
            except OSError:
                self._process.kill()
        self._process.wait()

    def _listen_for_answers(self) -> None:
        for line in _pipe(self._process.stdout):
            answer = json.loads(line)
            with self._lock:
                future = self._waiting.pop(answer["id"])
            if "result" in answer:
                future.set_result(answer["result"])
            else:
                future.set_exception(_KINDS.get(answer["kind"], RuntimeError)(answer["error"]))
        code = self._process.wait()
        self._listener.join()
        said = f": {self._last_words[-1]}" if code > 0 and self._last_words else ""  # one that is killed says nothing
        with self._lock:
            self._lost = WorkerLostError(f"the worker ended with exit code {code}{said}")
            abandoned, self._waiting = self._waiting, {}
        for future in abandoned.values():
            future.set_exception(self._lost)

    def _listen_for_words(self) -> None:
        for line in _pipe(self._process.stderr):
            if line.strip():
                self._last_words.append(line.strip())
                logger.info("worker %d: %s", self.pid, line.rstrip())


def serve(handlers: Mapping[str, Callable[..., Any]], prepare: Callable[[], None]) -> None:
    """Be the far end: prepare, then answer calls until standard input ends.

    Args:
        handlers: what each call does; arguments and result are JSON values.
        prepare: loads what the first call would otherwise wait for; calls that come in meanwhile are kept.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not be taken for an answer
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(calls,), daemon=True).start()
    prepare()
    while True:
        call = calls.get()
        answers.write(_line({"id": call["id"], **_answer(handlers[call["call"]], call["arguments"])}))
        answers.flush()


def _receive(calls: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        calls.put(json.loads(line))
    os._exit(0)  # nobody waits for the answer any more, also not for the one that is being worked on


def _answer(handler: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"result": handler(**arguments)}
    except (BadInput, RunFailed) as error:
        kind = "BadInput" if isinstance(error, BadInput) else "RunFailed"
        return {"error": str(error), "kind": kind}
    except Exception:
        return {"error": traceback.format_exc(), "kind": "defect"}


def _line(message: Mapping[str, Any]) -> str:
    return json.dumps(message) + "\n"


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # every stream of the process was asked for as a pipe
    return stream
