"""Long stages that are killed continue from their last snapshot: when one is due, what it holds, and what it cost.

A snapshot holds the state of the training and what the stage had spent until then, so that a stage that continues costs
what its surviving epochs cost. What an attempt did after its last snapshot is lost work, told by its unfinished record.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from safetensors.torch import load, save

from greenai_core.at_work import AtWork, Spent
from greenai_core.spec import Frozen
from greenai_core.store import snapshots
from greenai_core.training_state import State

RESUME_EVERY_S = 20.0
"""A stage that is killed loses so much, and the epoch that it was in; a stage that is shorter writes nothing."""

VERSION = 1
"""Of what a snapshot holds; one of another version is not continued from."""

logger = logging.getLogger(__name__)


class Numbers(Frozen):
    """What a snapshot holds beside its tensors; see `State`, and `Resuming` for the rest."""

    version: int = VERSION
    training_key: str
    epoch: int
    epochs: int
    step: int
    loss: float
    spent: Spent
    curve: tuple[dict[str, float], ...]


class Resuming:
    """The snapshots of one stage; its trainings are told apart by their number: they come in the same order again.

    Whatever is wrong with a snapshot costs the snapshot, never the run: it is logged, and the training begins anew or
    goes on without.
    """

    def __init__(
        self,
        key: str,
        training_key: str,
        begun: AtWork,
        aside: Callable[[], AbstractContextManager[object]],
        tell: Callable[[], object],
    ) -> None:
        """Begin with a stage whose window is open.

        Args:
            key: of the checkpoint after the stage.
            training_key: under which its joules compare; those of a snapshot under another one do not add up with them.
            begun: the stage.
            aside: what happens within is no part of what the stage costs.
            tell: called before a snapshot is written, so that nobody knows of epochs whose cost was never told.
        """
        self.key, self.training_key, self.begun = key, training_key, begun
        self.aside, self.tell = aside, tell
        self.began = self.kept = time.perf_counter()
        self._calls, self._warned = 0, False

    def call(self) -> Call:
        """Return where the stage's next training is kept."""
        self._calls += 1
        return Call(self, self._calls - 1)

    def forget(self) -> None:
        """Remove all snapshots: the stage's checkpoint is stored."""
        try:
            snapshots.remove(self.key)
        except Exception as error:  # a file too many harms nobody
            self.warn("the snapshots of a stage that has ended are still there", error)

    def warn(self, what: str, error: Exception) -> None:
        """Log what went wrong with a snapshot, once per stage."""
        if not self._warned:
            logger.warning("%s: %s", what, error)
        self._warned = True


class Call:
    """The snapshots of one training, see `greenai_core.training_state.Resumable`."""

    def __init__(self, stage: Resuming, number: int) -> None:
        self._stage, self._number = stage, number

    def load(self, fits: Callable[[State], bool]) -> State | None:
        """Return the state to continue from, and charge the stage with what it had cost until there."""
        stage = self._stage
        try:
            if not snapshots.exists(stage.key, self._number):
                return None
            with stage.aside():
                state, numbers = self._read(fits)
        except Exception as error:  # whatever a file may hold: the training can begin anew
            logger.warning("a snapshot is ignored and the training begins anew: %s", error)
            return None
        stage.begun.take_over(numbers.spent, numbers.curve)
        stage.kept = time.perf_counter()
        logger.info("continues after epoch %d of %d", state.epoch, state.epochs)
        return state

    def due(self, last: bool) -> bool:
        """Tell whether the last snapshot is old enough.

        The end of a training is kept once the stage is: if there is another training after it, that one alone would
        not do to continue from.
        """
        since = self._stage.began if last else self._stage.kept
        return time.perf_counter() - since >= RESUME_EVERY_S

    def save(self, state: State) -> None:
        """Write a snapshot; if that cannot be done the last one stays."""
        stage = self._stage
        with stage.aside():
            numbers = self._numbers(state).model_dump()
            stage.tell()
            try:
                snapshots.write(stage.key, self._number, _packed(state), numbers)
            except Exception as error:  # a full disk, a store out of reach: the run is worth more than its snapshot
                stage.warn("the training goes on, but could not be continued from here", error)
        stage.kept = time.perf_counter()

    def _numbers(self, state: State) -> Numbers:
        return Numbers(
            training_key=self._stage.training_key,
            epoch=state.epoch,
            epochs=state.epochs,
            step=state.step,
            loss=state.loss,
            spent=self._stage.begun.spent(),
            curve=tuple(self._stage.begun.curve),
        )

    def _read(self, fits: Callable[[State], bool]) -> tuple[State, Numbers]:
        """Return the snapshot.

        Raises:
            ValueError: it cannot be continued from here. Others: it cannot be read.
        """
        tensors, stored = snapshots.read(self._stage.key, self._number)
        if stored.get("version") != VERSION:
            raise ValueError(f"it is of version {stored.get('version')}, and this program knows {VERSION}")
        numbers = Numbers.model_validate(stored)
        if numbers.training_key != self._stage.training_key:
            raise ValueError("it was measured under other conditions, and its joules do not add up with those of here")
        state = State(numbers.epoch, numbers.epochs, numbers.step, numbers.loss, load(tensors))
        if not fits(state):
            raise ValueError("it is of another training")
        return state, numbers


def _packed(state: State) -> bytes:
    return save({name: value.detach().cpu().contiguous() for name, value in state.tensors.items()})
