"""Attempts on this machine, in warm processes that end when their supervisor does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

from greenai_core.jobs.look import processes_left
from greenai_core.jobs.states import Ticket
from greenai_core.jobs.warm import WarmProcess

StartWorker = Callable[[], WarmProcess]


class LocalExecutor:
    """Hands each attempt to a worker process of its own; one that waits is kept warm for the next.

    Args:
        start_worker: starts a process that answers ``attempt``.
        wake: set whenever an attempt is over.
    """

    def __init__(self, start_worker: StartWorker, wake: threading.Event) -> None:
        self._start_worker, self._wake = start_worker, wake
        self._concurrency = 1
        self._waiting = [start_worker()]
        self._working: dict[str, tuple[Ticket, WarmProcess, Future[Any]]] = {}

    @property
    def free(self) -> int:
        """How many more attempts it takes now."""
        return max(0, self._concurrency - len(self._working))

    def start(self, ticket: Ticket) -> None:
        """Hand an attempt to a worker that waits, or to a new one."""
        worker = self._a_worker()
        future = worker.ask("attempt", ticket=asdict(ticket))
        self._working[ticket.token] = (ticket, worker, future)
        future.add_done_callback(lambda _: self._wake.set())

    def ended(self) -> Sequence[tuple[Ticket, str | None]]:
        """Return the attempts whose worker has answered or is gone; there is a warm one for the next then."""
        done = [entry for entry in self._working.values() if entry[2].done()]
        for ticket, worker, _ in done:
            del self._working[ticket.token]
            self._keep(worker)
        if done and not self._working and not self._waiting:
            self._waiting.append(self._start_worker())
        return [(ticket, _problem(future)) for ticket, _, future in done]

    def kill(self, ticket: Ticket) -> None:
        """Kill the worker of an attempt."""
        if ticket.token in self._working:
            self._working[ticket.token][1].kill()

    def resize(self, concurrency: int) -> None:
        """Let so many attempts run at once."""
        self._concurrency = concurrency

    def take_over(self, held: Sequence[Ticket]) -> Sequence[tuple[Ticket, str]]:
        """Workers end with their supervisor, so every attempt of an earlier one is lost; one that froze is killed."""
        for process in processes_left():
            process.kill()
        return [(ticket, "its supervisor ended") for ticket in held]

    def close(self) -> Sequence[Ticket]:
        """End every worker; the attempts that were being made are lost."""
        for worker in self._waiting:
            worker.close()
        for _, worker, _ in self._working.values():
            worker.kill()
        return [ticket for ticket, _, _ in self._working.values()]

    def _a_worker(self) -> WarmProcess:
        while self._waiting:
            worker = self._waiting.pop()
            if worker.alive:
                return worker
        return self._start_worker()

    def _keep(self, worker: WarmProcess) -> None:
        """Keep a worker warm as long as it may be needed; each takes half a gigabyte once it has trained."""
        if not worker.alive:
            return
        if len(self._waiting) + len(self._working) < self._concurrency:
            self._waiting.append(worker)
        else:
            worker.close()


def _problem(future: Future[Any]) -> str | None:
    error = future.exception()
    return None if error is None else str(error)
