"""How far the mean of a few windows may be from the truth, when one window resembles the next.

On a virtual machine the cost of equal work wanders: windows that follow each other within seconds err together, so that
Student's interval, which takes them for independent, holds the truth far too rarely (`benchmarks.intervals` says how
often). Two things are allowed for. What wanders within a second is taken for an Ornstein-Uhlenbeck process (correlation
falls with exp(-time / `CORRELATION_S`)), of which each window sees the mean over its length: then the spread within a
measurement is too small by a known factor, the variance of its mean too large by another, and the degrees of freedom
are fewer (Satterthwaite 1946, https://doi.org/10.2307/3002019). What wanders over minutes moves all windows of a
measurement together and cannot be seen in them: it enters as a constant, an evaluation of type B in the words of the
Guide to the expression of uncertainty in measurement (JCGM 100:2008, 4.3).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CORRELATION_S = 0.3
"""Seconds in which the correlation of the fast noise falls to 1/e."""

DRIFT = 0.015
"""Relative standard deviation of the slow one. Both were chosen on the recordings of a quiet virtual machine in
``tests/energy/noise.json``; other machines wander more or less."""

NORMAL_95 = 1.96


def interval(values: Sequence[float], window_s: float) -> float | None:
    """Return the half-width of the 95 % interval of the mean of consecutive windows; None for fewer than two.

    Args:
        values: one per window, in the order of measuring.
        window_s: wall seconds from one window to the next.
    """
    if len(values) < 2:
        return None
    from scipy.special import stdtrit

    correlation = _correlation(np.abs(np.subtract.outer(np.arange(len(values)), np.arange(len(values)))), window_s)
    about_mean = correlation - correlation.mean(axis=0)
    expected_variance = np.trace(about_mean) / (len(values) - 1)
    degrees = np.trace(about_mean) ** 2 / np.trace(about_mean @ about_mean)
    error = statistics.stdev(values) * math.sqrt(correlation.mean() / expected_variance)
    return math.hypot(float(stdtrit(degrees, 0.975)) * error, NORMAL_95 * DRIFT * statistics.fmean(values))


def _correlation(lags: Floats, window_s: float) -> Floats:
    """Return the correlation of the means over two windows that are so many windows apart; (n, n) to (n, n)."""
    length = window_s / CORRELATION_S
    own = 2 / length + 2 / length**2 * math.expm1(-length)
    # Products of e^(length), e^(-length) and e^(-lag length), written so that long windows do not overflow.
    whole = np.maximum(lags, 1)
    apart = np.exp((1 - whole) * length) + np.exp(-(1 + whole) * length) - 2 * np.exp(-whole * length)
    return np.where(lags == 0, 1.0, apart / (length**2 * own))
