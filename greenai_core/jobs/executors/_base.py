"""What the dispatcher asks of whatever carries attempts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from greenai_core.jobs.states import Ticket


class Executor(Protocol):
    """Starts attempts somewhere and tells which of them are over. Nothing here waits for an attempt.

    An attempt speaks for itself: it begins, beats and ends in the store (`greenai_core.jobs.attempt`). The executor
    only knows of its process.
    """

    @property
    def free(self) -> int:
        """How many more attempts it takes now."""
        ...

    def start(self, ticket: Ticket) -> None:
        """Have an attempt begin as soon as may be."""
        ...

    def ended(self) -> Sequence[tuple[Ticket, str | None]]:
        """Return the attempts that are over since this was last asked; a sentence where the process is gone."""
        ...

    def kill(self, ticket: Ticket) -> None:
        """End an attempt without asking it; unknown ones are left alone. `ended` then has it."""
        ...

    def resize(self, concurrency: int) -> None:
        """Let so many attempts run at once; those that run are not touched."""
        ...

    def take_over(self, held: Sequence[Ticket]) -> Sequence[tuple[Ticket, str]]:
        """Take on what an earlier dispatcher started; returns those that are lost, each with a sentence."""
        ...

    def close(self) -> Sequence[Ticket]:
        """Start nothing more; returns the attempts that end with this."""
        ...
