"""What each figure of a record is: how it is called and shown, which way is better, and where it may be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from greenai_core import units
from greenai_core.errors import BadInput
from greenai_core.units import Quantity

Key = Literal["quality", "training", "inference", "lifetime"]

SIGNS: dict[str, str] = {"measured": "●", "apportioned": "◐", "estimated": "○"}
"""How an energy was obtained, as one sign: filled, half, hollow; from most to least sure."""


def sign(kind: str | None) -> str:
    """Write how an energy was obtained: ``○ estimated``; nothing where it is not known."""
    return f"{SIGNS[kind]} {kind}" if kind else ""


@dataclass(frozen=True)
class Figure:
    """One figure of a record.

    `short` is the title where there is little room. `key` names the comparability key without which two values of it
    must not be ranked; None: they always may. `kind_column` is the column that says how an energy figure was obtained;
    kinds are never ranked together either, nor grams of several grids, which `grid_column` tells apart. `per` is what
    one value is of, where it is not the whole run's.
    """

    column: str
    title: str
    quantity: Quantity
    maximize: bool
    key: Key | None = None
    kind_column: str | None = None
    help: str = ""
    short: str = ""
    per: str = ""
    grid_column: str | None = None

    @property
    def conditions(self) -> tuple[str, ...]:
        """The columns that must be equal where two values of it are ranked."""
        key = f"{self.key}_key" if self.key else None
        return tuple(column for column in (key, self.grid_column, self.kind_column) if column)

    @property
    def brief(self) -> str:
        """The short title, where there is one."""
        return self.short or self.title

    def text(self, value: float | None) -> str:
        """Write a value of this figure with its unit."""
        return self.quantity.text(value)


GRID = "g_per_kwh"
"""The column that `greenai_core.analysis.grids` tells."""

_TRAIN, _SPENT, _INFER = "energy_train_kind", "energy_spent_kind", "energy_inference_kind"

FIGURES: dict[str, Figure] = {
    figure.column: figure
    for figure in (
        Figure(
            "accuracy_val",
            "Validation accuracy",
            units.FRACTION,
            True,
            "quality",
            help="used for every choice",
            short="Validation",
        ),
        Figure(
            "accuracy",
            "Test accuracy",
            units.FRACTION,
            True,
            "quality",
            help="reported, never used to choose",
            short="Test",
        ),
        Figure("f1_macro", "Macro F1 (test)", units.FRACTION, True, "quality"),
        Figure("params", "Parameters", units.COUNT, False, help="stored weights"),
        Figure("nonzero_params", "Non-zero parameters", units.COUNT, False),
        Figure("macs", "MACs", units.MACS, False, help="multiply-accumulates of one prediction"),
        Figure(
            "size_bytes", "File size", units.BYTES, False, help="of the deployed file; 1 KB = 1024 bytes", short="Size"
        ),
        Figure(
            "latency_ms", "Latency", units.MILLISECONDS, False, "inference", help="median of one prediction, batch 1"
        ),
        Figure("throughput", "Throughput", units.RATE, True, "inference", help="predictions per second, in batches"),
        Figure(
            "energy_train_j",
            "Training energy",
            units.ENERGY,
            False,
            "training",
            _TRAIN,
            "making the model from nothing",
        ),
        Figure(
            "energy_per_sample_j",
            "Inference energy",
            units.ENERGY,
            False,
            "inference",
            _INFER,
            "per prediction, in batches",
            per="prediction",
        ),
        Figure(
            "energy_per_sample_b1_j",
            "Inference energy, batch 1",
            units.ENERGY,
            False,
            "inference",
            _INFER,
            "per prediction",
            per="prediction",
        ),
        Figure("carbon_train_g", "Training carbon", units.CARBON, False, "training", _TRAIN, grid_column=GRID),
        Figure("cpu_s", "Processor time of training", units.SECONDS, False, "training"),
    )
}
"""What runs are ranked and compared by."""

FACTS: dict[str, Figure] = {
    fact.column: fact
    for fact in (
        Figure("energy_spent_j", "Energy of this run", units.ENERGY, False, None, _SPENT, "measuring included"),
        Figure("wall_s", "Duration", units.SECONDS, False, help="of the whole run"),
    )
}
"""What is told of a run but says nothing about its model: a run whose stages were stored already costs less of both."""


LIFETIME = Figure(
    "lifetime_j",
    "Lifetime energy",
    units.ENERGY,
    False,
    "lifetime",
    "lifetime_kind",
    "making the model and serving all of its predictions",
)
"""Follows from two figures of a record and how many predictions are served: `greenai_core.analysis.lifetime.served`."""

OBJECTIVES: dict[str, Figure] = FIGURES | {LIFETIME.column: LIFETIME}
"""What runs may be ranked by."""


def figure(column: str) -> Figure:
    """Return the figure by which runs may be ranked.

    Raises:
        BadInput: no figure has that name; the sentence lists those there are.
    """
    if column not in OBJECTIVES:
        raise BadInput(f"unknown objective {column!r}; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[column]
