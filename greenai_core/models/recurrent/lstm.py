"""A long short-term memory that reads an image row by row."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Hidden, Layers

if TYPE_CHECKING:
    from torch import nn

__all__ = ["lstm"]


def lstm(
    input_shape: tuple[int, int, int], num_classes: int, *, hidden: Hidden = 128, layers: Layers = 1
) -> "nn.Module":
    """LSTM: reads an image row by row and keeps a memory cell through three gates.

    Each row, its channels side by side, is one time step; the state after the last row is classified. The steps follow
    on each other and cannot be computed at the same time: few products, but slow for their number. 82,186 parameters
    on 1x28x28 with 128 units.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: recurrent
    Source: Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735
    """
    from torch import nn

    from greenai_core.models.recurrent._rows import RowClassifier

    channels, _, width = input_shape
    return RowClassifier(nn.LSTM(channels * width, hidden, layers, batch_first=True), num_classes)
