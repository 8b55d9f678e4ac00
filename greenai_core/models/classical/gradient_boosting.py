"""Decision trees that correct each other."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from greenai_core.facts import ESTIMATOR
from greenai_core.models.classical._shared import Trees, as_model

if TYPE_CHECKING:
    from torch import nn

__all__ = ["gradient_boosting"]

FACTS = ESTIMATOR


def gradient_boosting(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    trees: Trees = 50,
    max_depth: Annotated[int, Field(ge=1, le=10, title="Depth", description="questions of a tree")] = 3,
    learning_rate: Annotated[
        float, Field(gt=0, le=1, title="Shrinkage", description="how much of each tree's correction is taken")
    ] = 0.2,
    subsample: Annotated[
        float, Field(gt=0, le=1, title="Subsample", description="fraction of the training images that each tree sees")
    ] = 0.5,
) -> "nn.Module":
    """Gradient boosting: shallow trees in rounds, one per class and round, each correcting those before it.

    Each tree looks at a random few of the pixels (their square root). Fitting takes minutes on tens of thousands of
    images; answers and file are small. `train` is its own fit; epochs, learning rate and the other fields of that stage
    do not apply. Fitted by scikit-learn, deployed as ONNX.

    Family: classical
    Source: Friedman 2001, https://doi.org/10.1214/aos/1013203451
    """
    from sklearn.ensemble import GradientBoostingClassifier

    estimator = GradientBoostingClassifier(
        n_estimators=trees,
        max_depth=max_depth,
        learning_rate=learning_rate,
        subsample=subsample,
        max_features="sqrt",
    )
    return as_model(estimator, num_classes)
