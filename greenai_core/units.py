"""Numbers for people: a quantity is stored in one base unit and shown in the one that reads best.

Energy is stored in joules, sizes in bytes (1 KB = 1024 bytes), durations in seconds, latencies in milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Unit:
    """A unit and how many base units it holds."""

    name: str
    size: float


@dataclass(frozen=True)
class Quantity:
    """A physical quantity with the units it is shown in, smallest first."""

    units: tuple[Unit, ...]

    def unit_for(self, value: float) -> Unit:
        """Return the largest unit that keeps `value` at 1 or above, else the smallest unit."""
        fitting = [unit for unit in self.units if unit.size <= abs(value)]
        return fitting[-1] if fitting else self.units[0]

    def common_unit(self, values: npt.ArrayLike) -> Unit:
        """Return one unit for an axis or a column: that of the median of the known values."""
        told = np.asarray(values, float)
        known = told[~np.isnan(told)]
        return self.unit_for(float(np.median(known))) if len(known) else self.units[0]

    def text(self, value: float | None) -> str:
        """Write `value` (in base units) with three significant digits and its unit; None and NaN are unknown."""
        if value is None or math.isnan(value):
            return UNKNOWN
        unit = self.unit_for(value)
        return f"{significant(value / unit.size)} {unit.name}".rstrip()


@dataclass(frozen=True)
class Fraction(Quantity):
    """A share in [0, 1], shown in per cent with two decimals, since half a point matters."""

    def text(self, value: float | None) -> str:
        """Write `value` (a fraction) as a percentage."""
        return UNKNOWN if value is None or math.isnan(value) else f"{value:.2%}".replace("%", " %")


@dataclass(frozen=True)
class Count(Quantity):
    """A number of things, written out in full."""

    def text(self, value: float | None) -> str:
        """Write `value` with thousands separators."""
        return UNKNOWN if value is None or math.isnan(value) else f"{round(value):,}"


ENERGY = Quantity((Unit("µJ", 1e-6), Unit("mJ", 1e-3), Unit("J", 1.0), Unit("Wh", 3600.0), Unit("kWh", 3.6e6)))
BYTES = Quantity((Unit("B", 1), Unit("KB", 1024), Unit("MB", 1024**2), Unit("GB", 1024**3)))
SECONDS = Quantity((Unit("ms", 1e-3), Unit("s", 1.0), Unit("min", 60.0), Unit("h", 3600.0)))
MILLISECONDS = Quantity((Unit("µs", 1e-3), Unit("ms", 1.0), Unit("s", 1e3)))
MACS = Quantity((Unit("MACs", 1), Unit("k MACs", 1e3), Unit("M MACs", 1e6), Unit("G MACs", 1e9)))
RATE = Quantity((Unit("/s", 1), Unit("k/s", 1e3), Unit("M/s", 1e6)))
CARBON = Quantity((Unit("µg CO2e", 1e-6), Unit("mg CO2e", 1e-3), Unit("g CO2e", 1.0), Unit("kg CO2e", 1e3)))
FRACTION = Fraction((Unit("%", 0.01),))
COUNT = Count((Unit("", 1),))


def rough(seconds: float) -> str:
    """Write a duration as one says it: ``6 s``, ``3 min``; never less than a second."""
    unit = SECONDS.unit_for(max(seconds, 1.0))
    return f"{max(1, round(seconds / unit.size))} {unit.name}"


def significant(value: float, digits: int = 3) -> str:
    """Write `value` with so many significant digits, never in powers of ten, with thousands separators."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def change(value: float, reference: float) -> str:
    """Write by how much `value` differs from `reference`: ``-83 %``, ``+4.2 %``, ``same``."""
    if reference == 0:
        return "same" if value == 0 else UNKNOWN
    share = value / reference - 1
    if abs(share) < 0.0005:
        return "same"
    return f"{share:+.0%}".replace("%", " %") if abs(share) >= 0.1 else f"{share:+.1%}".replace("%", " %")
