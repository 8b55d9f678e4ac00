"""The plain convolutional network for very small files."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    from torch import nn

__all__ = ["plain_cnn"]


def plain_cnn(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    channels: Annotated[
        int,
        Field(ge=2, le=128, title="Channels", description="channels of the first stage; doubled in each of two more"),
    ] = 16,
    depth: Annotated[
        int,
        Field(ge=1, le=8, title="Depth", description="convolutions with batch normalisation and ReLU in each stage"),
    ] = 2,
) -> "nn.Module":
    """Plain CNN: 3x3 convolutions with batch normalisation in three stages, a global mean, one linear layer.

    Made for files of a few kilobytes: batch normalisation disappears into the convolutions when the network is
    exported, the global mean leaves the last layer with hardly any weights, and few layers mean little besides
    weights in the file. The first convolution of the second and third stage halves the resolution and doubles the
    channels. Any number of channels is taken. The student to distil from a larger network when bytes are what counts.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Springenberg, Dosovitskiy, Brox, Riedmiller 2015, https://arxiv.org/abs/1412.6806 (strides instead of
        pooling), with the batch normalisation of Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import classifier, conv_norm

    layers, before = OrderedDict[str, nn.Module](), input_shape[0]
    for stage in range(3):
        outputs = channels * 2**stage
        for place in range(depth):
            stride = 2 if stage and place == 0 else 1
            layers[f"stage{stage + 1}_{place + 1}"] = conv_norm(before, outputs, stride=stride)
            before = outputs
    return nn.Sequential(layers | classifier(before, num_classes))
