"""A stage that has not ended: what it has cost until now, what it took over from an earlier attempt included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greenai_core.energy.accounting import total
from greenai_core.energy.open_window import OpenWindow
from greenai_core.energy.window import Window
from greenai_core.record import EnergyKind, StageRecord, least_sure

Joules = Callable[[Window, Sequence[Window]], float | None]
"""Joules of a window without those of some windows within it; None where no source covers what did the work."""


@dataclass(frozen=True)
class Spent:
    """What work has cost: joules (None is unknown), CPU-seconds and seconds; how sure they are, and why no surer.

    `quality` holds flags as in `greenai_core.energy.window.Window`.
    """

    energy_j: float | None
    cpu_s: float
    wall_s: float
    kind: EnergyKind | None
    quality: tuple[str, ...] = ()

    def plus(self, other: Spent) -> Spent:
        """Return the cost of both; unknown joules make an unknown sum, which is as sure as its least sure part."""
        return Spent(
            total([self.energy_j, other.energy_j]),
            self.cpu_s + other.cpu_s,
            self.wall_s + other.wall_s,
            least_sure([self.kind, other.kind]),
            tuple(dict.fromkeys((*self.quality, *other.quality))),
        )

    def since(self, earlier: Spent) -> Spent:
        """Return what was spent after `earlier`."""
        joules = None if self.energy_j is None or earlier.energy_j is None else self.energy_j - earlier.energy_j
        return replace(self, energy_j=joules, cpu_s=self.cpu_s - earlier.cpu_s, wall_s=self.wall_s - earlier.wall_s)


@dataclass(frozen=True)
class _Taken:
    """What was taken over: so many epochs, their cost, and what this attempt itself had spent at that moment."""

    epoch: int
    spent: Spent
    own: Spent


class AtWork:
    """A stage at work; whoever runs it adds to `curve` and `watched`, and says when its window is open.

    Attributes:
        curve: as in the stage's record.
        watched: windows of what is no part of what it costs: its progress was looked at, or kept.
        window: its energy window; None: its teachers are still being taught.
        taught: the stages of its teachers that are through.
    """

    def __init__(self, facts: Mapping[str, Any], joules: Joules) -> None:
        """Take the fields of the stage's record that are known before it begins, and how joules are counted."""
        self._facts, self._joules = facts, joules
        self._taken: _Taken | None = None
        self.curve: list[dict[str, float]] = []
        self.watched: list[Window] = []
        self.window: OpenWindow | None = None
        self.taught: list[StageRecord] = []

    def take_over(self, spent: Spent, curve: Sequence[Mapping[str, float]]) -> None:
        """Go on where an earlier attempt kept its progress: `curve` is the stage's until there, `spent` its cost.

        What this attempt has done until now was done before, and does not count a second time.
        """
        self._taken = _Taken(len(curve), spent, self._own(self._made()))
        self.curve[:] = [dict(point) for point in curve]

    def spent(self) -> Spent:
        """Return what the stage has cost until now."""
        return self._in_all(self._own(self._made()))

    def figures(self, made: Window) -> dict[str, Any]:
        """Return the fields of the stage's record that say what it cost, if its window is `made`."""
        spent, taken = self._in_all(self._own(made)), self._taken
        return {
            **_costs(spent),
            "window": {**made.as_json(), "kind": spent.kind, "quality": list(spent.quality)},
            "curve": tuple(self.curve),
            "resumed": None if taken is None else {"epoch": taken.epoch, **_costs(taken.spent)},
        }

    def record(self, teaching: Sequence[StageRecord]) -> StageRecord:
        """Return what the stage leaves if it ends now; `teaching` are the stages so far of a teacher still taught."""
        if self.window is None:
            spent: dict[str, Any] = {**_costs(Spent(0.0, 0.0, 0.0, None)), "window": {"status": "aborted"}}
        else:
            spent = self.figures(replace(self._made(), status="aborted"))
        return StageRecord(
            **self._facts,
            **spent,
            params=None,
            nonzero_params=None,
            accuracy_val=None,
            teacher=(*self.taught, *teaching),
        )

    def _made(self) -> Window:
        assert self.window is not None  # nothing is made before
        return until_now(self.window)

    def _own(self, made: Window) -> Spent:
        return Spent(
            self._joules(made, self.watched),
            made.cpu_s - sum(looking.cpu_s for looking in self.watched),
            made.wall_s - sum(looking.wall_s for looking in self.watched),
            made.kind,
            made.quality,
        )

    def _in_all(self, own: Spent) -> Spent:
        return own if self._taken is None else self._taken.spent.plus(own.since(self._taken.own))


def until_now(window: OpenWindow) -> Window:
    """Return a window as it is, open or closed."""
    try:
        return window.closed
    except RuntimeError:
        return window.so_far()


def _costs(spent: Spent) -> dict[str, float | None]:
    return {"energy_j": spent.energy_j, "cpu_s": spent.cpu_s, "wall_s": spent.wall_s}
