"""Attempts on the nodes of a Ray cluster: one attempt is one job of Ray, and its token is that job's id.

Ray starts processes and tells how they ended. Everything else, order, retries, leases and the fence that keeps an
attempt out which was thought dead, is in the store: a head that is started anew knows nothing of its jobs, and the
process of an attempt may outlive the node it was started by.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from greenai_core.jobs.executors._cluster import Cluster, Seen, require_ray
from greenai_core.jobs.states import Ticket
from greenai_core.settings import settings

LOOK_S = 1.0
"""How often the cluster is asked."""

CLOSE_S = 2.0
"""How long a question that is under way is waited for at the end."""

logger = logging.getLogger(__name__)


class Line(Protocol):
    """What is asked of a cluster; see `greenai_core.jobs.executors._cluster.Cluster`."""

    def attempts(self) -> Mapping[str, Seen]:
        """Return every attempt that the cluster knows, by its token."""
        ...

    def slots(self) -> int:
        """Return how many attempts its nodes have room for."""
        ...

    def submit(self, token: str, job_id: str) -> None:
        """Have an attempt begin."""
        ...

    def stop(self, token: str) -> None:
        """End an attempt."""
        ...


@dataclass
class _Attempt:
    ticket: Ticket
    submitted: bool
    unwanted: bool = False
    stopped: bool = False


def on_ray(wake: threading.Event) -> RayExecutor:
    """Return the executor for the cluster that the settings name.

    Raises:
        BadInput: Ray is not installed, or the store is a file.
    """
    require_ray()
    address = settings().ray_address
    return RayExecutor(wake, lambda: Cluster(address))


class RayExecutor:
    """Submits attempts to a cluster, no more than it has slots for: Ray knows no priorities.

    All that is asked of the cluster is asked by one thread, once a second: a head that does not answer must not hold
    up whoever watches the leases. While it does not, nothing is free, attempts stay as they are, and it is tried again.

    Args:
        wake: set whenever there is something new.
        connect: opens the line to the cluster; it is opened anew after each failure.
    """

    def __init__(self, wake: threading.Event, connect: Callable[[], Line]) -> None:
        self._wake = wake
        self._connect = connect
        self._line: Line | None = None
        self._lock = threading.Lock()
        self._attempts: dict[str, _Attempt] = {}
        self._over: list[tuple[Ticket, str | None]] = []
        self._slots, self._strangers = 0, 0
        self._trouble: str | None = None
        self._due, self._closed = threading.Event(), False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    @property
    def free(self) -> int:
        """How many slots of the cluster nobody has, as far as it answers."""
        with self._lock:
            return max(0, self._slots - self._strangers - len(self._attempts))

    def start(self, ticket: Ticket) -> None:
        """Have an attempt submitted."""
        with self._lock:
            self._attempts[ticket.token] = _Attempt(ticket, submitted=False)
        self._due.set()

    def ended(self) -> Sequence[tuple[Ticket, str | None]]:
        """Return the attempts that Ray says are over, or knows nothing of any more."""
        with self._lock:
            over, self._over = self._over, []
        return over

    def kill(self, ticket: Ticket) -> None:
        """Have Ray stop an attempt. It is over when Ray says so, which of a frozen node takes it a minute."""
        with self._lock:
            if ticket.token in self._attempts:
                self._attempts[ticket.token].unwanted = True
        self._due.set()

    def resize(self, concurrency: int) -> None:
        """Do nothing: the nodes' slots say how many run at once; an attempt waits there if that is more."""

    def take_over(self, held: Sequence[Ticket]) -> Sequence[tuple[Ticket, str]]:
        """Take on what an earlier dispatcher started: it goes on without one. What Ray does not know is over soon."""
        with self._lock:
            self._attempts |= {ticket.token: _Attempt(ticket, submitted=True) for ticket in held}
        return []

    def close(self) -> Sequence[Ticket]:
        """Ask the cluster no more; what was submitted goes on, and the next dispatcher takes it over."""
        self._closed = True
        self._due.set()
        self._thread.join(CLOSE_S)
        with self._lock:
            return [attempt.ticket for attempt in self._attempts.values() if not attempt.submitted]

    def _follow(self) -> None:
        while not self._closed:
            self._due.clear()
            try:
                self._ask()
            except Exception as error:  # the client raises what its libraries raise, and the head may be back soon
                self._note(str(error).partition("\n")[0] or type(error).__name__)
            else:
                self._note(None)
            self._due.wait(LOOK_S)

    def _note(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            logger.warning("Ray: %s", trouble or "answers again")
        self._trouble = trouble
        if trouble is not None:
            self._line = None
            with self._lock:
                self._slots = 0

    def _ask(self) -> None:
        """Compare what is wanted with what the cluster says, and do what is missing."""
        if self._line is None:
            self._line = self._connect()
        line, known = self._line, self._line.attempts()
        with self._lock:
            mine = sorted(self._attempts.values(), key=lambda attempt: attempt.ticket.token not in known)
            self._strangers = sum(seen.state != "over" for token, seen in known.items() if token not in self._attempts)
        for attempt in mine:  # those it knows first: what fails with another must not hide that they are over
            self._go_on(line, attempt, known.get(attempt.ticket.token))
        slots = line.slots()
        with self._lock:
            self._slots, before = slots, self._slots
        if slots != before:
            logger.info("Ray: %d slots", slots)
            self._wake.set()

    def _go_on(self, line: Line, attempt: _Attempt, seen: Seen | None) -> None:
        token = attempt.ticket.token
        if seen is None and attempt.submitted:
            self._end(attempt, "Ray does not know it: the head was started anew, or it never got there")
        elif seen is None and attempt.unwanted:
            self._end(attempt, "it was stopped before it began")
        elif seen is None:
            line.submit(token, attempt.ticket.id)
            attempt.submitted = True
        elif seen.state == "over":
            self._end(attempt, seen.problem)
        else:
            attempt.submitted = True
            if attempt.unwanted and not attempt.stopped:
                line.stop(token)
                attempt.stopped = True
            if attempt.stopped and seen.state == "pending":  # stays so until its turn comes, and then does not begin
                self._end(attempt, "it was stopped before it began")

    def _end(self, attempt: _Attempt, problem: str | None) -> None:
        with self._lock:
            del self._attempts[attempt.ticket.token]
            self._over.append((attempt.ticket, problem))
        self._wake.set()
