"""A weighted sum of pixels for each class, fitted by likelihood."""

from typing import TYPE_CHECKING

from greenai_core.facts import ESTIMATOR
from greenai_core.models.classical._shared import Iterations, Strength, as_model

if TYPE_CHECKING:
    from torch import nn

__all__ = ["logistic_regression"]

FACTS = ESTIMATOR


def logistic_regression(
    input_shape: tuple[int, int, int], num_classes: int, *, c: Strength = 0.01, max_iter: Iterations = 100
) -> "nn.Module":
    """Logistic regression: one weighted sum of pixels per class; what every other model must beat.

    `train` is its own fit; epochs, learning rate and the other fields of that stage do not apply. Fitted by
    scikit-learn (L-BFGS), deployed as ONNX.

    Family: classical
    Source: Cox 1958, https://doi.org/10.1111/j.2517-6161.1958.tb00292.x
    """
    from sklearn.linear_model import LogisticRegression

    return as_model(LogisticRegression(C=c, max_iter=max_iter), num_classes)
