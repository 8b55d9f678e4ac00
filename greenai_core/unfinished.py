"""The record of a run that has not ended: what the run leaves behind if it never does.

A run that is killed can tell nothing afterwards, and the joules it spent would be forgotten. So its record is kept from
the first stage on, every two seconds, with what was measured until then: it is aborted until the run has succeeded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from greenai_core.at_work import AtWork, Joules, until_now
from greenai_core.energy.bill import NO_SOURCE
from greenai_core.energy.carbon import NO_COUNTRY
from greenai_core.energy.open_window import OpenWindow
from greenai_core.errors import BadInput, Cancelled, RunFailed
from greenai_core.record import Record, StageRecord, least_sure, with_teachers

KEEP_EVERY_S = 2.0
"""How often an unfinished record is kept: so much is not told of a run that is killed."""

NOT_ENDED = "the run did not end"

Keep = Callable[[Record], None]
"""Called with the record of a run that has not ended, again and again; it should store it and must not raise."""


def forget(record: Record) -> None:
    """Keep nothing."""


class _Recipe:
    """A recipe that is being walked: its stages that have ended, and the one at work."""

    def __init__(self, ended: Sequence[StageRecord]) -> None:
        self.ended = list(ended)
        self.at_work: AtWork | None = None


class Unfinished:
    """Follows a run and keeps its record until it has ended.

    Recipes nest: while a teacher is taught, its recipe is walked within a stage of the student's.
    """

    def __init__(self, record: Record, keep: Keep, joules: Joules) -> None:
        """Begin with what is known of the run before it starts.

        Args:
            record: status aborted, without stages.
            keep: given the record from the first stage on.
            joules: how joules are counted in this run.
        """
        self._record, self._keep, self._joules = record, keep, joules
        self._started = time.perf_counter()
        self._kept_at: float | None = None
        self._recipes: list[_Recipe] = []
        self.spent: OpenWindow | None = None
        """The window around the whole run."""

    @property
    def run_id(self) -> str:
        """The id that the run has from the start."""
        return self._record.run_id

    def wall_s(self) -> float:
        """Return for how long the run has been going on."""
        return time.perf_counter() - self._started

    def enter(self, ended: Sequence[StageRecord]) -> None:
        """A recipe is walked, of which these stages are there already; within a stage it is a teacher's."""
        self._recipes.append(_Recipe(ended))

    def taught(self) -> None:
        """The teacher whose recipe was entered last is through."""
        stages = self._recipes.pop().ended
        student = self._recipes[-1].at_work
        assert student is not None  # a teacher is taught for a stage
        student.taught += stages

    def begin(self, facts: Mapping[str, Any]) -> AtWork:
        """A stage begins, with its teachers."""
        begun = AtWork(facts, self._joules)
        self._recipes[-1].at_work = begun
        return begun

    def ended(self, stage: StageRecord) -> None:
        """The stage at work has ended."""
        recipe = self._recipes[-1]
        recipe.ended.append(stage)
        recipe.at_work = None
        self.keep_now()

    def tell(self) -> None:
        """Keep the record if that was not done for a while; called often."""
        if self._kept_at is None or time.perf_counter() - self._kept_at >= KEEP_EVERY_S:
            self.keep_now()

    def keep_now(self) -> None:
        """Keep the record as it is now."""
        self._keep_as("aborted", NOT_ENDED)

    def end(self, error: BaseException) -> None:
        """Keep the record a last time: the run ended with `error`. What was refused before it began leaves none."""
        if isinstance(error, BadInput) and self._kept_at is None:
            return
        if isinstance(error, Cancelled):
            self._keep_as("aborted", "cancelled")
        elif not isinstance(error, Exception):
            self._keep_as("aborted", "interrupted")
        else:
            self._keep_as("failed", sentence(error))

    def _keep_as(self, status: str, why: str) -> None:
        spent = None if self.spent is None else until_now(self.spent)
        stages = _stages(self._recipes)
        record = self._record.model_copy(
            update={
                "status": status,
                "stages": stages,
                "energy_spent_j": None if spent is None else self._joules(spent, ()),
                "energy_train_kind": least_sure(part.window.get("kind") for part in with_teachers(stages)),
                "energy_spent_kind": None if spent is None else spent.kind,
                "wall_s": self.wall_s(),
            }
        )
        unknown = {name: _REASONS.get(name, NOT_ENDED) for name, value in record if value is None}
        self._keep(record.model_copy(update={"notes": {**unknown, "status": why}}))
        self._kept_at = time.perf_counter()


def sentence(error: Exception) -> str:
    """Say what a run failed of: as it was said where a person can mend it, with its type where it is a defect.

    Records are shared, so paths of this machine are left out.
    """
    said = str(error) if isinstance(error, BadInput | RunFailed) else f"{type(error).__name__}: {error}"
    return _PATH.sub(lambda found: found["url"] or f"{found['quote'] or ''}(a path){found['quote'] or ''}", said)


_REASONS = {"energy_spent_j": NO_SOURCE, "carbon_intensity": NO_COUNTRY}
_NAME = r"""[^\s/\\'"`,;:]+"""
_BEGINS = rf"(?:[A-Za-z]:[\\/]+|\\{{2,}}(?={_NAME}\\)|~?/+)(?={_NAME})"
"""How a path begins: on a drive, on a server (of which a repr doubles the backslashes), at the root, at home."""

_PATH = re.compile(
    rf"""(?P<url>\b[A-Za-z][\w+.-]*://(?=[^/\s])[^\s'"`]*)"""  # with :/// a file follows
    rf"""|(?P<quote>['"`]){_BEGINS}(?:(?!(?P=quote)).)+(?P=quote)"""
    rf"""|(?<![\w)]){_BEGINS}(?:{_NAME}(?:[ ]{_NAME}){{0,2}}[/\\]+)*(?:{_NAME})?"""
)
"""A URL, which may stay; a path within quotes, to their end; a path by itself: only what ends with a separator may hold
blanks, and few, since the rest of the sentence follows."""


def _stages(recipes: Sequence[_Recipe]) -> tuple[StageRecord, ...]:
    """Return the stages of the outermost recipe until now, the one at work last, with those of its teachers within."""
    if not recipes:
        return ()
    recipe, *inner = recipes
    if recipe.at_work is None:
        return tuple(recipe.ended)
    return (*recipe.ended, recipe.at_work.record(_stages(inner)))
