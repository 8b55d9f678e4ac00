from __future__ import annotations

import math

import pytest

from greenai_core import units
from greenai_core.units import BYTES, COUNT, ENERGY, FRACTION, MACS, MILLISECONDS, SECONDS


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [
        (ENERGY, 1.5e-6, "1.50 µJ"),
        (ENERGY, 0.0123, "12.3 mJ"),
        (ENERGY, 42.0, "42.0 J"),
        (ENERGY, 3599.0, "3,599 J"),
        (ENERGY, 3600.0, "1.00 Wh"),
        (ENERGY, 3.6e6, "1.00 kWh"),
        (ENERGY, 0.0, "0 µJ"),
        (BYTES, 1023, "1,023 B"),
        (BYTES, 1024, "1.00 KB"),
        (BYTES, 4690 * 1024, "4.58 MB"),
        (MILLISECONDS, 0.25, "250 µs"),
        (SECONDS, 0.25, "250 ms"),
        (SECONDS, 90.0, "1.50 min"),
        (MACS, 12_000_000, "12.0 M MACs"),
        (COUNT, 1_199_882, "1,199,882"),
        (FRACTION, 0.98765, "98.77 %"),
    ],
)
def test_a_value_wears_the_unit_that_reads_best(quantity: units.Quantity, value: float, text: str) -> None:
    assert quantity.text(value) == text


@pytest.mark.parametrize("quantity", [ENERGY, COUNT, FRACTION])
@pytest.mark.parametrize("unknown", [None, math.nan])
def test_unknown_is_said_and_never_zero(quantity: units.Quantity, unknown: float | None) -> None:
    assert quantity.text(unknown) == "unknown"


def test_an_axis_has_one_unit_and_ignores_what_is_unknown() -> None:
    assert ENERGY.common_unit([0.5, math.nan, 20.0, 5000.0]).name == "J"
    assert ENERGY.common_unit([math.nan]).name == "µJ"


@pytest.mark.parametrize(
    ("value", "reference", "text"),
    [(17, 100, "-83 %"), (104.2, 100, "+4.2 %"), (100, 100, "same"), (5, 0, "unknown"), (0, 0, "same")],
)
def test_change(value: float, reference: float, text: str) -> None:
    assert units.change(value, reference) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (6.18, "6 s"), (59.0, "59 s"), (200.0, "3 min"), (7300.0, "2 h")]
)
def test_rough(seconds: float, text: str) -> None:
    assert units.rough(seconds) == text
