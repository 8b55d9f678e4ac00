"""What the estimators share."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

if TYPE_CHECKING:
    from torch import nn

Strength = Annotated[
    float, Field(gt=0, le=1000, title="C", description="inverse of the strength of the L2 penalty on the weights")
]
Iterations = Annotated[
    int, Field(ge=1, le=10_000, title="Iterations", description="most steps of the solver; more are more exact")
]
Trees = Annotated[int, Field(ge=1, le=1000, title="Trees", description="trees whose votes are added up")]


def as_model(estimator: Any, num_classes: int) -> "nn.Module":
    """Return an estimator of scikit-learn as a model that a recipe can train."""
    from greenai_core.estimators import Estimator

    return Estimator(estimator, num_classes)
