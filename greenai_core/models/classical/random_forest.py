"""Many decision trees that vote."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from greenai_core.facts import ESTIMATOR
from greenai_core.models.classical._shared import Trees, as_model

if TYPE_CHECKING:
    from torch import nn

__all__ = ["random_forest"]

FACTS = ESTIMATOR


def random_forest(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    trees: Trees = 100,
    max_depth: Annotated[
        int | None, Field(ge=1, le=100, title="Depth", description="most questions of a tree; empty: no limit")
    ] = 15,
) -> "nn.Module":
    """Random forest: the mean vote of decision trees, each grown on a sample of images and of pixels.

    Quick to fit and quick to answer, but its file is large: every leaf of every tree is stored. `train` is its own fit;
    epochs, learning rate and the other fields of that stage do not apply. Fitted by scikit-learn, deployed as ONNX.

    Family: classical
    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324
    """
    from sklearn.ensemble import RandomForestClassifier

    return as_model(RandomForestClassifier(n_estimators=trees, max_depth=max_depth), num_classes)
