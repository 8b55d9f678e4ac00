"""A weighted sum of pixels for each class, fitted by margins."""

from typing import TYPE_CHECKING

from greenai_core.facts import ESTIMATOR
from greenai_core.models.classical._shared import Iterations, Strength, as_model

if TYPE_CHECKING:
    from torch import nn

__all__ = ["linear_svm"]

FACTS = ESTIMATOR


def linear_svm(
    input_shape: tuple[int, int, int], num_classes: int, *, c: Strength = 0.001, max_iter: Iterations = 200
) -> "nn.Module":
    """Linear SVM: one weighted sum of pixels per class, each against the rest, with the widest margin.

    As small and as quick as logistic regression; its scores are no probabilities. `train` is its own fit; epochs,
    learning rate and the other fields of that stage do not apply. Fitted by scikit-learn (liblinear), deployed as ONNX.

    Family: classical
    Source: Fan, Chang, Hsieh, Wang, Lin 2008, https://www.jmlr.org/papers/v9/fan08a.html
    """
    from sklearn.svm import LinearSVC

    return as_model(LinearSVC(C=c, max_iter=max_iter), num_classes)
