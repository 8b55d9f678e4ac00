"""What a candidate weighs, counted and not timed, whatever kind of model it holds."""

from __future__ import annotations

from dataclasses import dataclass

from greenai_core import metrics
from greenai_core.candidate import Candidate


@dataclass(frozen=True)
class Counts:
    """Stored weights, those of them that are not zero, and multiply-accumulates of one image; None: there are none."""

    params: int | None
    nonzero_params: int | None
    macs: int | None


def of(candidate: Candidate, input_shape: tuple[int, int, int]) -> Counts:
    """Count a candidate; one that has become a file has the weights and products of the model it was made of.

    Raises:
        RunFailed: it has no weights, or all are zero.
    """
    count = metrics.count_params(candidate.model)
    return Counts(count.params, count.nonzero_params, metrics.macs(candidate.model, input_shape))
