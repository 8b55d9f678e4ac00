"""95 % intervals of the difference of two shares, of two means, and of a ratio of two means.

- of shares: a score interval for independent samples (Newcombe 1998, method 10,
  https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I);
- of means over few values: Welch's (1947, https://doi.org/10.1093/biomet/34.1-2.28); of a ratio, that of the logarithms
  with relative errors;
- of a ratio of two means with known intervals: these add up as squares on the logarithmic scale.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from greenai_core.analysis.replicates import quantile

Floats = npt.NDArray[np.float64]

NORMAL_95 = 1.959964


def wilson(hits: Floats, images: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % score interval of a share (Wilson 1927, https://doi.org/10.2307/2276774).

    Args:
        hits: how many images are classified correctly, of any shape.
        images: of how many, likewise.
    """
    share, z2 = hits / images, NORMAL_95**2
    centre = share + z2 / (2 * images)
    half = NORMAL_95 * np.sqrt(share * (1 - share) / images + z2 / (4 * images**2))
    return (centre - half) / (1 + z2 / images), (centre + half) / (1 + z2 / images)


def newcombe(hits: Floats, images: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of the difference of two independent shares, the second less the first.

    Args:
        hits: how many images each of the two classifies correctly, (2, ...).
        images: of how many, likewise.
    """
    low, high = wilson(hits, images)
    first, second = hits / images
    below, above = np.hypot(second - low[1], high[0] - first), np.hypot(high[1] - second, first - low[0])
    return second - first - below, second - first + above


def welch(means: Floats, errors: Floats, seeds: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of the difference of two means, the second less the first.

    Variances may be unequal; the degrees of freedom are Satterthwaite's (1946, https://doi.org/10.2307/3002019).

    Args:
        means: (2, ...).
        errors: their standard errors, each known from as many values as `seeds` says, likewise.
        seeds: 2 or more, likewise.

    Returns:
        NaN where both errors are 0, so that nothing is known of how the means vary.
    """
    squares = errors**2
    with np.errstate(invalid="ignore"):
        degrees = squares.sum(axis=0) ** 2 / (squares**2 / (seeds - 1)).sum(axis=0)
    half = quantile(np.maximum(degrees, seeds.min(axis=0) - 1.0)) * np.sqrt(squares.sum(axis=0))
    return means[1] - means[0] - half, means[1] - means[0] + half


def combined(means: Floats, halves: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the 95 % interval of the ratio of two independent positive means, less 1.

    Args:
        means: (2, ...); told is the second over the first.
        halves: half-widths of their 95 % intervals, small beside the means, likewise.
    """
    ratio, half = np.log(means[1] / means[0]), np.hypot(*(halves / means))
    return np.expm1(ratio - half), np.expm1(ratio + half)
