"""One attempt at one job: run its spec, keep telling the store, and end the job together with its record."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from greenai_core.errors import BadInput, Cancelled, RunFailed
from greenai_core.jobs import slots
from greenai_core.jobs.control import control
from greenai_core.jobs.states import End, News, Ticket, Verdict, beat, begin, finish
from greenai_core.progress import Progress, Reporter
from greenai_core.record import Record
from greenai_core.settings import settings
from greenai_core.spec import Spec, check
from greenai_core.store import artifacts
from greenai_core.store.keeper import Keeper
from greenai_core.unfinished import Keep

BEAT_S = 0.5
"""How often an attempt says that it lives, and tells what is new."""

WAIT_S = 0.2
"""How often an attempt that has no slot asks for one."""

PATIENCE_S = 30.0
"""For so long an attempt that is over tries to store its end."""

FENCED_EXIT = 75
"""Exit code of a process whose job was given to somebody else."""

Execute = Callable[[Spec, Reporter, Keep], Record]
logger = logging.getLogger(__name__)


def run(ticket: Ticket, execute: Execute) -> None:
    """Run the spec of `ticket` with `execute`, and end the job as it deserves.

    What a person can mend is stored as its sentence, a defect as its type and message; the log has the traceback. A run
    that does not succeed leaves the record that `execute` kept last.
    """
    with ExitStack() as held:
        verdict = _begin(ticket, held)
        if verdict != "fenced":
            _carry_out(ticket, execute, verdict)


def _begin(ticket: Ticket, held: ExitStack) -> Verdict:
    """Wait for a slot of this machine, which `held` gives back; the job is running then, unless it was given up."""
    host, number = settings().host_id, None
    while True:
        if number is None:
            number = slots.take(control().concurrency, held)
        verdict = begin(ticket, host, number)
        if verdict != "wait":
            return verdict
        time.sleep(WAIT_S)


def _carry_out(ticket: Ticket, execute: Execute, verdict: Verdict) -> None:
    pulse, keeper = Pulse(ticket, verdict), Keeper()
    capture = _Capture(pulse)
    logging.getLogger().addHandler(capture)
    pulse.start()
    try:
        with keeper:
            state, record, error = _outcome(ticket, execute, pulse, keeper)
    finally:
        logging.getLogger().removeHandler(capture)
        pulse.stop()  # and joined: a beat after the end would find the token gone and take itself for a ghost
    try:
        stored = _finish(ticket, state, pulse.news(), record or keeper.record, error)
    except BadInput:  # nobody knows whether the end is stored, so the model stays: a record may name it
        keeper.end()
        raise
    if not stored:
        keeper.end()  # the job is no longer this attempt's, but what it spent was spent
        if record is not None and (model_uri := record.provenance.get("model_uri")):
            artifacts.delete(model_uri)  # no record names it


def _finish(ticket: Ticket, state: End, news: News, record: Record | None, error: str | None) -> bool:
    """End the job; while the store is full or away, again and again: a whole run hangs on it."""
    given_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return finish(ticket, state, news, record=record, error=error)
        except BadInput as problem:
            if time.monotonic() > given_up_at:
                raise
            logger.warning("the end of the run is not stored yet: %s", problem)
            time.sleep(BEAT_S)


def _outcome(ticket: Ticket, execute: Execute, pulse: Pulse, keeper: Keeper) -> tuple[End, Record | None, str | None]:
    try:
        pulse.stop_if_asked()
        return "succeeded", execute(check(ticket.spec), pulse.report, keeper), None
    except Cancelled:
        pulse.say("cancelled")
        return "cancelled", None, None
    except BadInput as error:
        pulse.say(str(error))
        return "failed", None, str(error)
    except Exception as error:
        pulse.say(traceback.format_exc())
        return "failed", None, str(error) if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"


class Pulse(threading.Thread):
    """Beats while an attempt runs: carries its news to the store, and the wish to cancel back."""

    def __init__(self, ticket: Ticket, verdict: Verdict) -> None:
        super().__init__(daemon=True)
        self._ticket = ticket
        self._verdict = verdict
        self._wake = threading.Event()
        self._stopped = False
        self._lock = threading.Lock()
        self._columns: dict[str, Any] = {}
        self._epochs: list[dict[str, Any]] = []
        self._lines: list[tuple[float, str]] = []
        self._stage: tuple[int, str] | None = None
        self._stepped = False

    def report(self, progress: Progress) -> None:
        """Take one report of the run.

        Raises:
            Cancelled: somebody asked for the run to stop.
        """
        self.stop_if_asked()
        with self._lock:
            self._columns |= _columns(progress)
            if progress.epoch is not None and not self._stepped:
                self._stepped = True
                self._columns["first_step_at"] = time.time()
                self._wake.set()
            if progress.epoch_done:
                self._epochs.append(_epoch(progress))
        if (progress.stage_index, progress.stage) != self._stage:
            self._stage = (progress.stage_index, progress.stage)
            self.say(f"stage {progress.stage_index + 1}: {progress.stage}")
        if progress.epoch_done:
            self.say(_sentence(progress))

    def stop_if_asked(self) -> None:
        """Do nothing while the run may go on.

        Raises:
            Cancelled: somebody asked for the run to stop.
        """
        if self._verdict == "cancel":
            raise Cancelled

    def say(self, text: str) -> None:
        """Put text into the job's log."""
        now = time.time()
        with self._lock:
            self._lines += [(now, line) for line in text.splitlines()]

    def news(self) -> News:
        """Return what was not told yet, and count it as told."""
        with self._lock:
            news = News(self._columns, self._epochs, self._lines)
            self._columns, self._epochs, self._lines = {}, [], []
        return news

    def run(self) -> None:
        """Beat until stopped; leave the process if the job was given to somebody else."""
        while True:
            self._wake.wait(BEAT_S)
            self._wake.clear()
            if self._stopped:
                return
            news = self.news()
            try:
                self._verdict = beat(self._ticket, news)
            except BadInput as error:  # the store is full or busy: the lease decides, not one beat
                self._put_back(news)
                logger.warning("no beat: %s", error)
            if self._verdict == "fenced":
                os._exit(FENCED_EXIT)

    def stop(self) -> None:
        """Beat no more; returns when the last beat is over."""
        self._stopped = True
        self._wake.set()
        self.join()

    def _put_back(self, news: News) -> None:
        with self._lock:
            self._columns = {**news.columns, **self._columns}
            self._epochs = [*map(dict, news.epochs), *self._epochs]
            self._lines = [*news.lines, *self._lines]


class _Capture(logging.Handler):
    """Puts what the run logs into the job's log as well."""

    def __init__(self, pulse: Pulse) -> None:
        super().__init__(logging.INFO)
        self._pulse = pulse

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING or record.name.startswith("greenai_core"):
            self._pulse.say(f"{record.levelname.lower()}: {record.getMessage()}")


def _columns(progress: Progress) -> dict[str, Any]:
    """Return the columns of the job that a report sets; a figure it does not state keeps its last value."""
    where = ("stage", "stage_index", "fraction", "message", "epoch", "epochs")
    figures = [name for name in ("loss", "accuracy_val", "energy_j") if getattr(progress, name) is not None]
    return {name: getattr(progress, name) for name in (*where, *figures)}


def _epoch(progress: Progress) -> dict[str, Any]:
    figures = ("stage", "stage_index", "epoch", "loss", "accuracy_val", "lr", "energy_j")
    return {"at": time.time(), **{name: getattr(progress, name) for name in figures}}


def _sentence(progress: Progress) -> str:
    loss = "" if progress.loss is None else f", loss {progress.loss:.4f}"
    accuracy = "" if progress.accuracy_val is None else f", validation accuracy {progress.accuracy_val:.4f}"
    return f"{progress.stage}: epoch {progress.epoch} of {progress.epochs}{loss}{accuracy}"
