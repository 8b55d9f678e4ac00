"""How far a run is: what it tells whoever is watching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One report of a running run. `fraction` is of the whole run, in [0, 1]; joules and seconds are so far."""

    stage: str
    stage_index: int
    fraction: float
    message: str = ""
    epoch: int | None = None
    epochs: int | None = None
    epoch_done: bool = False
    loss: float | None = None
    accuracy_val: float | None = None
    lr: float | None = None
    energy_j: float | None = None


Reporter = Callable[[Progress], None]
"""Called several times a second while a run trains; raises `greenai_core.errors.Cancelled` to end it."""


def silent(progress: Progress) -> None:
    """Watch nothing."""
