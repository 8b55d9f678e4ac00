"""One decision tree on pixels."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from greenai_core.facts import ESTIMATOR
from greenai_core.models.classical._shared import as_model

if TYPE_CHECKING:
    from torch import nn

__all__ = ["decision_tree"]

FACTS = ESTIMATOR


def decision_tree(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    max_depth: Annotated[
        int | None, Field(ge=1, le=100, title="Depth", description="most questions before an answer; empty: no limit")
    ] = 15,
    min_samples_leaf: Annotated[
        int, Field(ge=1, le=10_000, title="Images in a leaf", description="fewest training images that a leaf may hold")
    ] = 5,
) -> "nn.Module":
    """Decision tree: questions about single pixels, one after the other; the least joules for an answer.

    `train` is its own fit; epochs, learning rate and the other fields of that stage do not apply. Nothing can be pruned
    or quantized afterwards: a depth is chosen instead. Fitted by scikit-learn, deployed as ONNX.

    Family: classical
    Source: Breiman, Friedman, Olshen, Stone 1984, Classification and Regression Trees,
        https://scikit-learn.org/stable/modules/tree.html
    """
    from sklearn.tree import DecisionTreeClassifier

    return as_model(DecisionTreeClassifier(max_depth=max_depth, min_samples_leaf=min_samples_leaf), num_classes)
