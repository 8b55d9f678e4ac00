"""A VGG network for small images."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["vgg_small"]

CHANNELS = (64, 128, 256)
CONVOLUTIONS = {11: (1, 1, 2), 13: (2, 2, 2), 16: (2, 2, 3), 19: (2, 2, 4)}
"""How many convolutions each of the first three stacks has in networks A, B, D and E (table 1 of the paper)."""

HIDDEN = 256
LATER = frozenset({"depth"})


def vgg_small(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
    depth: Annotated[
        Literal[11, 13, 16, 19],
        Field(title="Depth", description="the VGG network whose first three stacks these are, by its layers"),
    ] = 16,
) -> "nn.Module":
    """VGG for small images: stacks of 3x3 convolutions, each followed by max pooling, and two linear layers.

    The first three stacks of the VGG network of that `depth`, with 64, 128 and 256 channels (times `width`) and batch
    normalisation; of the others nothing would be left to see on small images. Where the paper has two hidden linear
    layers of 4,096, there is one of 256, with its dropout. 2,328,138 parameters on 1x28x28 at the default depth of 16.
    Wide and redundant: pruning, low rank and quantization have much to take away.
    Input (N, C, H, W) of at least 8 pixels a side, output logits (N, num_classes).

    Family: convolutional
    Source: Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import conv_norm, scaled

    channels, height, side = input_shape
    layers = OrderedDict[str, nn.Module]()
    for number, (plain, convolutions) in enumerate(zip(CHANNELS, CONVOLUTIONS[depth], strict=True), 1):
        outputs = scaled(plain, width)
        for place in range(1, convolutions + 1):
            layers[f"stack{number}_{place}"] = conv_norm(channels, outputs)
            channels = outputs
        layers[f"pool{number}"] = nn.MaxPool2d(2)
    hidden, shrunk = scaled(HIDDEN, width), 2 ** len(CHANNELS)
    return nn.Sequential(
        layers
        | OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(channels * (height // shrunk) * (side // shrunk), hidden),
            relu=nn.ReLU(),
            dropout=nn.Dropout(0.5),
            fc2=nn.Linear(hidden, num_classes),
        )
    )
