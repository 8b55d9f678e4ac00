"""Which grid grams were worked out for: those of another one are fewer or more for the same joules."""

from __future__ import annotations

import pandas as pd

from greenai_core.energy.carbon import JOULES_PER_KWH
from greenai_core.record import Record

DECIMALS = 6
"""More than a grid is known to, and fewer than the rounding of floats reaches: equal grids are equal numbers."""


def per_kwh(table: pd.DataFrame) -> pd.Series:
    """Return the grams of CO2 equivalent per kWh that the training carbon of runs, or points, was worked out with.

    What the grams are over the joules: so it is known of every record with both, and holds whatever else was counted
    in, such as what a building takes. NaN: one of them is unknown, or there are no joules.
    """
    joules = table["energy_train_j"].where(table["energy_train_j"] > 0)
    return (table["carbon_train_g"] / joules * JOULES_PER_KWH).round(DECIMALS)


def of(record: Record) -> float | None:
    """Return the same of one record; None where it is unknown."""
    if record.carbon_train_g is None or not record.energy_train_j:
        return None
    return round(record.carbon_train_g / record.energy_train_j * JOULES_PER_KWH, DECIMALS)
