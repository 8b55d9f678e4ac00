"""What a candidate weighs, counted and not timed, whatever kind of model it holds."""

from __future__ import annotations

from dataclasses import dataclass

from greenai_core import metrics
from greenai_core.candidate import Candidate
from greenai_core.estimators import Estimator, linear_weights


@dataclass(frozen=True)
class Counts:
    """Stored weights, those of them that are not zero, and multiply-accumulates of one image; None: there are none."""

    params: int | None
    nonzero_params: int | None
    macs: int | None


def of(candidate: Candidate, input_shape: tuple[int, int, int]) -> Counts:
    """Count a candidate; one that has become a file has the weights and products of the model it was made of.

    Where few values stand for a parameter and a hash tells the rest, the values are what is counted.

    Raises:
        RunFailed: it has no weights, or all are zero.
    """
    if isinstance(candidate.model, Estimator):
        return _of_estimator(candidate)
    count = metrics.count_params(candidate.model)
    params, nonzero = count.params, count.nonzero_params
    for constraint in candidate.constraints:
        for name, values in constraint.stored(candidate.model).items():
            parameter = candidate.model.get_parameter(name)
            params -= parameter.numel() - values.numel()
            nonzero -= int(parameter.count_nonzero()) - int(values.count_nonzero())
    return Counts(params, nonzero, metrics.macs(candidate.model, input_shape))


def _of_estimator(candidate: Candidate) -> Counts:
    """Count the weights of a linear estimator once it is fitted; a tree has none and multiplies nothing."""
    weights = None if candidate.artifact is None else linear_weights(candidate.artifact.content)
    if weights is None:
        return Counts(None, None, None)
    coefficients, intercepts = weights
    held = [*coefficients, *intercepts]
    return Counts(len(held), sum(value != 0 for value in held), len(coefficients))
