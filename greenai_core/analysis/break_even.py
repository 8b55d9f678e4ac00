"""From how many predictions on a model is cheaper than its baseline, and how sure that is.

The question answered is: who has neither model and makes one of them from nothing, teacher and all stages included,
which takes less by the last prediction? Where the baseline stands there already, only the further stages would count,
and a compressed model pays back sooner than is said here.

The two are compared seed by seed, as far as they have seeds in common: a compressed model and its baseline of one seed
are often made by the very same training, whose joules are part of both and cancel in their difference. To take the two
for independent would count twice how those joules vary, instead of not at all.

The interval is Fieller's: it holds every number of predictions at which the lifetime energies do not differ at the 5 %
level (E. C. Fieller, Some problems in interval estimation, J. R. Stat. Soc. B 16 (1954) 175-185). From the differences
of n seeds, in making and in serving and with their covariance, it has n - 1 degrees of freedom and is exact where these
are normally distributed (U. von Luxburg and V. H. Franz 2009, https://arxiv.org/abs/0711.0198). Without seeds in common
the two are independent samples whose variances may be unequal; degrees of freedom are Satterthwaite's at the estimated
ratio (A. C. Tamhane and B. R. Logan 2004, as in R's mratios,
https://search.r-project.org/CRAN/refmans/mratios/html/ttestratio.html). Where few of many seeds are in common
(`ENOUGH`), the two are taken for such samples as well, and the interval is rather too wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from greenai_core.units import Quantity, Unit

CONFIDENCE = 0.95
ENOUGH = 3
"""With so many seeds in common, only those are compared, whichever others the two have. Student's t is 12.7 with two
seeds and 4.3 with three: fewer pairs tell less than all seeds do without being paired, unless one of the two has no
more seeds than those."""

ONE_SEED = "unknown, as one of the two has one seed only"
PREDICTIONS = Quantity((Unit("", 1), Unit("million", 1e6), Unit("billion", 1e9), Unit("trillion", 1e12)))

Verdict = Literal["from", "always", "until", "never"]
Floats = npt.NDArray[np.float64]


def count(predictions: float) -> str:
    """Write a number of predictions with three significant digits: ``1``, ``87,200``, ``1 million``, ``1.25 billion``.

    A prediction that has begun is counted.
    """
    text, _, unit = PREDICTIONS.text(math.ceil(float(f"{predictions:.3g}"))).partition(" ")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}".rstrip()


@dataclass(frozen=True)
class Costs:
    """Joules of making a model and of one prediction, of each seed that it was made with.

    Attributes:
        by_seed: (seed, joules of making the model from nothing, joules of one prediction); each seed once.

    Raises:
        ValueError: there is no seed, a seed comes twice, or an energy is not a finite number.
    """

    by_seed: tuple[tuple[int, float, float], ...]

    def __post_init__(self) -> None:
        """Refuse unknown energies: nothing that is compared with one would come out right."""
        if not self.by_seed or len(set(self.seeds)) < len(self.by_seed):
            raise ValueError("costs are of one seed or more, each once")
        if not all(math.isfinite(joules) for _, *both in self.by_seed for joules in both):
            raise ValueError("an unknown energy cannot be compared; leave out what lacks one")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order of `by_seed`."""
        return tuple(seed for seed, _, _ in self.by_seed)

    @cached_property
    def train_j(self) -> float:
        """Joules of making the model from nothing, mean over the seeds."""
        return math.fsum(train for _, train, _ in self.by_seed) / len(self.by_seed)

    @cached_property
    def per_sample_j(self) -> float:
        """Joules of one prediction, mean over the seeds."""
        return math.fsum(sample for _, _, sample in self.by_seed) / len(self.by_seed)

    def at(self, predictions: float) -> float:
        """Return the joules of making the model and of so many predictions, mean over the seeds."""
        return self.train_j + predictions * self.per_sample_j

    def of(self, seeds: Sequence[int]) -> Floats:
        """Return the joules of making and of one prediction of these seeds, (len(seeds), 2)."""
        told = {seed: (train, sample) for seed, train, sample in self.by_seed}
        return np.array([told[seed] for seed in seeds], dtype=float)


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
        pairs: how many seeds of the two were compared one by one, and no others; 0: all of both, for independent.
    """

    verdict: Verdict
    predictions: float | None
    interval: tuple[float, float] | None
    reason: str = ""
    pairs: int = 0

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
    make and less to serve; of the means over the seeds that are compared.
    """
    shared = _shared(made, baseline)
    samples = [made.of(shared) - baseline.of(shared)] if shared else [made.of(made.seeds), -baseline.of(baseline.seeds)]
    dearer, more = (float(mean) for mean in np.sum([sample.mean(axis=0) for sample in samples], axis=0))
    verdict, predictions = _closed_form(dearer, -more)
    if min(map(len, samples)) < 2:
        return BreakEven(verdict, predictions, None, ONE_SEED, len(shared))
    errors = [np.cov(sample, rowvar=False) / len(sample) for sample in samples]
    t = _quantile(dearer, -more, errors, [len(sample) - 1 for sample in samples])
    (first, both), (_, second) = (t**2 * np.sum(errors, axis=0)).tolist()
    found = _undecided(dearer, -more, first, both, second)
    if verdict == "never":
        found = (found[0] if found else math.inf, math.inf)
    return BreakEven(verdict, predictions, found or (0.0, 0.0), pairs=len(shared))


def _shared(made: Costs, baseline: Costs) -> tuple[int, ...]:
    """Return the seeds that the two are compared by, one by one: those in common, where there are enough."""
    ours, theirs = made.seeds, set(baseline.seeds)
    common = tuple(seed for seed in ours if seed in theirs)
    return common if len(common) >= min(ENOUGH, len(ours), len(theirs)) else ()


def _closed_form(dearer: float, saved: float) -> tuple[Verdict, float | None]:
    if saved > 0:
        return ("from", dearer / saved) if dearer > 0 else ("always", 0.0)
    if dearer < 0:
        return ("until", dearer / saved) if saved < 0 else ("always", 0.0)
    return "never", None


def _quantile(dearer: float, saved: float, errors: Sequence[Floats], degrees: Sequence[int]) -> float:
    """Return Student's t with Satterthwaite's degrees of freedom where the two lifetimes are estimated to be equal.

    Args:
        dearer: joules that making takes more.
        saved: joules that a prediction takes less.
        errors: covariances (2, 2) of the means of independent samples, which add up.
        degrees: of freedom of each; of one sample they are those of the quantile.
    """
    from scipy.special import stdtrit

    at = np.array([1.0, abs(dearer / saved)] if saved else [0.0, 1.0])
    parts = [float(at @ error @ at) for error in errors]
    whole = sum(parts)
    share = sum((part / whole) ** 2 / df for part, df in zip(parts, degrees, strict=True)) if whole > 0 else 0.0
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
