"""A plain recurrent network that reads an image row by row."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Hidden, Layers

if TYPE_CHECKING:
    from torch import nn

__all__ = ["rnn"]


def rnn(
    input_shape: tuple[int, int, int], num_classes: int, *, hidden: Hidden = 128, layers: Layers = 1
) -> "nn.Module":
    """RNN: reads an image row by row with one tanh layer per step; the simplest of the recurrent ones.

    Each row, its channels side by side, is one time step; the state after the last row is classified. The steps follow
    on each other and cannot be computed at the same time: few products, but slow for their number. What the first rows
    showed fades on the way (gru and lstm keep it). 21,514 parameters on 1x28x28 with 128 units.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: recurrent
    Source: Elman 1990, https://doi.org/10.1207/s15516709cog1402_1
    """
    from torch import nn

    from greenai_core.models.recurrent._rows import RowClassifier

    channels, _, width = input_shape
    return RowClassifier(nn.RNN(channels * width, hidden, layers, batch_first=True), num_classes)
