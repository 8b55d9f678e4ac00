"""From how many predictions on a model is cheaper than its baseline, and how sure that is.

The question answered is: who has neither model and makes one of them from nothing, teacher and all stages included,
which takes less by the last prediction? Where the baseline stands there already, only the further stages would count,
and a compressed model pays back sooner than is said here.

The interval is Fieller's: it holds every number of predictions at which the lifetime energies do not differ at the 5 %
level (E. C. Fieller, Some problems in interval estimation, J. R. Stat. Soc. B 16 (1954) 175-185). Variances may be
unequal; degrees of freedom are Satterthwaite's at the estimated ratio (A. C. Tamhane and B. R. Logan 2004, as in R's
mratios, https://search.r-project.org/CRAN/refmans/mratios/html/ttestratio.html).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from greenai_core.units import Quantity, Unit

CONFIDENCE = 0.95
ONE_SEED = "unknown, as one of the two has one seed only"
PREDICTIONS = Quantity((Unit("", 1), Unit("million", 1e6), Unit("billion", 1e9), Unit("trillion", 1e12)))

Verdict = Literal["from", "always", "until", "never"]


def count(predictions: float) -> str:
    """Write a number of predictions with three significant digits: ``1``, ``87,200``, ``1 million``, ``1.25 billion``.

    A prediction that has begun is counted.
    """
    text, _, unit = PREDICTIONS.text(math.ceil(float(f"{predictions:.3g}"))).partition(" ")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Mean joules of making a model and of one prediction, and how sure the means are.

    Attributes:
        train_j: making the model from nothing.
        per_sample_j: one prediction.
        train_se_j: standard error of `train_j` (a known half-width of 95 % over 1.96); None: unknown.
        per_sample_se_j: the same of `per_sample_j`.
        covariance_j2: of the two means, where they are of the same runs.
        df: degrees of freedom of the standard errors; of n runs n - 1.

    Raises:
        ValueError: an energy is not a finite number.
    """

    train_j: float
    per_sample_j: float
    train_se_j: float | None = None
    per_sample_se_j: float | None = None
    covariance_j2: float = 0.0
    df: float = math.inf

    def __post_init__(self) -> None:
        """Refuse unknown energies: nothing that is compared with one would come out right."""
        if not (math.isfinite(self.train_j) and math.isfinite(self.per_sample_j)):
            raise ValueError("an unknown energy cannot be compared; leave out what lacks one")

    def at(self, predictions: float) -> float:
        """Return the joules of making the model and of so many predictions."""
        return self.train_j + predictions * self.per_sample_j

    def variances(self) -> tuple[float, float, float] | None:
        """Return those of making, of making with a prediction, and of a prediction; None where one is unknown."""
        if self.train_se_j is None or self.per_sample_se_j is None:
            return None
        return self.train_se_j**2, self.covariance_j2, self.per_sample_se_j**2


@dataclass(frozen=True)
class BreakEven:
    """For how many predictions a model is cheaper than its baseline, both made from nothing.

    Attributes:
        verdict: "from": from `predictions` on; "always": from the first one on; "until": only up to `predictions`, as
            it is cheaper to make and dearer to serve; "never": serving it is not cheaper, nor is making it.
        predictions: where the lifetime energies are equal; 0 for "always", None for "never". Never negative.
        interval: (low, high) of `predictions` at 95 %, within [0, inf]; None: unknown. High is inf where the saving per
            prediction is not significant, and for "never", where low is that number below which it is sure (inf: at
            any). For "always" it is those numbers at which it is not sure, (0, 0) if there are none.
        reason: why `interval` is unknown.
    """

    verdict: Verdict
    predictions: float | None
    interval: tuple[float, float] | None
    reason: str = ""

    @property
    def text(self) -> str:
        """Say it in words: ``pays back from 1.2 million predictions on``."""
        at = count(self.predictions or 0.0)
        noun = "prediction" if at == "1" else "predictions"
        return {
            "from": f"pays back from {at} {noun} on",
            "always": "pays from the first prediction on",
            "until": f"pays only up to {at} {noun}",
            "never": "never pays back",
        }[self.verdict]

    @property
    def sure(self) -> str:
        """Say how sure that is: the interval at 95 %, in words."""
        if self.interval is None:
            return self.reason
        low, high = self.interval
        endless = {"from": "may never pay back", "until": "may never cease to pay"}
        if self.verdict in endless:
            up_to = f" to {count(high)}" if high < math.inf else f" or more: {endless[self.verdict]}"
            return f"{count(low)}{up_to}"
        if low == high:
            return "at any number"
        if low > 0:
            return f"sure up to {count(low)}"
        return f"sure from {count(high)} on" if high < math.inf else "not sure at any number"


def break_even(made: Costs, baseline: Costs) -> BreakEven:
    """Compare making and serving a model with making and serving its baseline instead.

    The closed form is (train - train of baseline) / (per sample of baseline - per sample), where `made` costs more to
    make and less to serve.
    """
    dearer, saved = made.train_j - baseline.train_j, baseline.per_sample_j - made.per_sample_j
    verdict, predictions = _closed_form(dearer, saved)
    ours, theirs = made.variances(), baseline.variances()
    if ours is None or theirs is None:
        return BreakEven(verdict, predictions, None, ONE_SEED)
    t = _quantile(dearer, saved, (ours, made.df), (theirs, baseline.df))
    first, both, second = (t**2 * (own + other) for own, other in zip(ours, theirs, strict=True))
    found = _undecided(dearer, saved, first, both, second)
    if verdict == "never":
        found = (found[0] if found else math.inf, math.inf)
    return BreakEven(verdict, predictions, found or (0.0, 0.0))


def _closed_form(dearer: float, saved: float) -> tuple[Verdict, float | None]:
    if saved > 0:
        return ("from", dearer / saved) if dearer > 0 else ("always", 0.0)
    if dearer < 0:
        return ("until", dearer / saved) if saved < 0 else ("always", 0.0)
    return "never", None


def _quantile(dearer: float, saved: float, *sides: tuple[tuple[float, float, float], float]) -> float:
    """Return Student's t with Satterthwaite's degrees of freedom where the two lifetimes are estimated to be equal."""
    from scipy.special import stdtrit

    one, predictions = (1.0, abs(dearer / saved)) if saved else (0.0, 1.0)
    parts = [
        (one * first + 2 * one * predictions * both + predictions**2 * second, df)
        for (first, both, second), df in sides
    ]
    whole = sum(variance for variance, _ in parts)
    share = sum((variance / whole) ** 2 / df for variance, df in parts) if whole > 0 else 0.0
    return float(stdtrit(1 / share if share else math.inf, (1 + CONFIDENCE) / 2))


def _undecided(dearer: float, saved: float, first: float, both: float, second: float) -> tuple[float, float] | None:
    """Return the numbers of predictions n >= 0 with (dearer - n saved)^2 <= first + 2 n both + n^2 second, or None.

    The right side is t^2 times the variance of the left side's root. Where they are two ranges, the one that spans
    both is returned.
    """
    a, b, c = saved**2 - second, dearer * saved + both, dearer**2 - first
    root = math.sqrt(
        max(0.0, both**2 - first * second + dearer**2 * second + saved**2 * first + 2 * dearer * saved * both)
    )
    if a > 0:
        return (max(0.0, (b - root) / a), (b + root) / a) if b + root >= 0 else None
    if c <= 0:
        return 0.0, math.inf
    return (c / (b + root), math.inf) if b + root > 0 else None
