"""Gives jobs to whoever carries them out, and sees to it that each comes to an end, whatever happens meanwhile."""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import Any

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.jobs import budget
from greenai_core.jobs.executors._base import Executor
from greenai_core.jobs.states import Ticket, claim, lose
from greenai_core.jobs.watch import Changes, Sight, Unchanged, Watch
from greenai_core.store import records
from greenai_core.store.database import engine, writing

LOOK_S, IDLE_LOOK_S = 0.5, 5.0
"""How often the jobs are looked at even if nothing changed: leases and pauses run out without anybody writing."""

LEASE_S = 30.0
"""An attempt that gave no sign of life for so long is lost; the lease starts at its first beat."""

LOADING_S = 120.0
"""An attempt that has not begun after so long will not."""

CANCEL_GRACE_S = 3.0
"""How long an attempt may take to end by itself before its process is killed."""

logger = logging.getLogger(__name__)


class Dispatcher:
    """Dispatches through one executor, one step after the other; what it does is in the store, so any other can go on.

    Args:
        executor: carries the attempts out.
        watch: looks at the jobs.
        host: where this is.
    """

    def __init__(self, executor: Executor, watch: Watch, host: str) -> None:
        self._id, self._host = uuid.uuid4().hex, host
        self._executor, self._watch = executor, watch
        self._over: list[tuple[Ticket, str]] = []
        self._mine: dict[str, Ticket] = {}
        self._unchanged = Unchanged(longest_s=2 * IDLE_LOOK_S)
        self._changes = Changes()
        self._looked_at = -IDLE_LOOK_S
        self.idle = False
        """Whether there was nothing to do at the last step."""

    def take_over(self) -> None:
        """Take on the attempts that an earlier dispatcher of this host started, or give them up."""
        logger.info("supervisor %s on %s", self._id[:8], self._host)
        held = [_ticket(row) for row in self._watch.look().held if row.host == self._host]
        lost = list(self._executor.take_over(held))
        gone = {ticket.token for ticket, _ in lost}
        self._mine = {ticket.token: ticket for ticket in held if ticket.token not in gone}
        self._over += lost
        with writing() as connection:
            records.settle(connection)

    def step(self) -> bool:
        """Do what there is to do now; returns whether there was reason to look."""
        self._over += [
            (ticket, problem or "its process ended without a word") for ticket, problem in self._executor.ended()
        ]
        now = time.monotonic()
        due = now - self._looked_at >= (IDLE_LOOK_S if self.idle and self._changes.told else LOOK_S)
        if not (self._over or due or self._changes.seen()):
            return False
        self._looked_at = now
        try:
            self._changes.follow(engine())
            self._settle()
            sight = self._watch.look()
            self._executor.resize(sight.control.concurrency)
            self._check(sight)
            if sight.held or sight.waiting:
                budget.enforce()
            self._dispatch(sight)
            self.idle = not self._mine and sight.nothing
        except BadInput as error:  # the store is full or busy: nothing is lost, it is tried again
            logger.warning("%s", error)
            time.sleep(LOOK_S)
        return True

    def close(self) -> None:
        """Give up what ends with this dispatcher."""
        self._changes.close()
        self._over += [(ticket, "the supervisor was stopped") for ticket in self._executor.close()]
        self._settle()

    def _settle(self) -> None:
        """Take note of attempts that are over; what they did not end themselves is lost."""
        while self._over:
            ticket, reason = self._over[0]
            lose(ticket.id, ticket.token, reason)
            self._mine.pop(ticket.token, None)
            self._over.pop(0)  # not before it is stored

    def _check(self, sight: Sight) -> None:
        """Kill what does not end when asked to; give up what does not begin, or gives no sign of life."""
        silent_s = self._unchanged.look(_signs(sight))
        for row in sight.held:
            deaf = silent_s.get((row.token, "cancel"), 0.0) > CANCEL_GRACE_S
            patience_s = LEASE_S if row.state == "running" else LOADING_S
            silent = silent_s[row.token, "beat"] > patience_s
            if (deaf or silent) and row.token in self._mine:
                logger.info("job %s: attempt %d is killed", row.id, row.attempts)
                self._executor.kill(self._mine[row.token])
            if silent:
                self._over.append((_ticket(row), f"no sign of life for {patience_s:g} s"))
        self._settle()

    def _dispatch(self, sight: Sight) -> None:
        while sight.ready and self._executor.free:
            ticket = claim(self._id, self._host)
            if ticket is None:
                return
            self._watch.expect(ticket.id)
            self._mine[ticket.token] = ticket
            self._executor.start(ticket)


def _signs(sight: Sight) -> list[tuple[tuple[str, str], Any]]:
    beats = [((row.token, "beat"), (row.state, row.beat_at)) for row in sight.held]
    asked = [((row.token, "cancel"), row.cancel_asked_at) for row in sight.held if row.cancel_asked_at is not None]
    return [*beats, *asked]


def _ticket(row: sa.Row[Any]) -> Ticket:
    return Ticket(row.id, row.token, row.attempts, json.loads(row.spec))
