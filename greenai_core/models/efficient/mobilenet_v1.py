"""MobileNet, with its depthwise separable blocks spelt out."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Resolution, Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mobilenet_v1"]

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Output channels and stride of each depthwise separable block (table 1 of the paper)."""

LATER = frozenset({"resolution"})


def mobilenet_v1(
    input_shape: tuple[int, int, int], num_classes: int, *, width: Width = 1.0, resolution: Resolution = 1.0
) -> "nn.Module":
    """MobileNet v1: depthwise separable convolutions, a filter per channel and then a 1x1 convolution across them.

    Eight to nine times fewer products than 3x3 convolutions of the same channels. 3,217,226 parameters on 3x32x32 with
    ten classes; most sit in the last blocks, so `width` makes it small. `resolution` saves products alone: images are
    resized inside the network (bilinear). Where they come in with fewer than 64 pixels a side, the first convolution
    has stride 1. Depthwise products are few but slow: time falls less than the count of products.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Howard et al. 2017, https://arxiv.org/abs/1704.04861
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import classifier, conv_norm, depthwise, resized, scaled, stem_stride

    channels = scaled(32, width)
    layers = resized(input_shape, resolution)
    layers["stem"] = conv_norm(input_shape[0], channels, stride=stem_stride(input_shape))
    for number, (plain, stride) in enumerate(BLOCKS, 1):
        outputs = scaled(plain, width)
        block = OrderedDict[str, nn.Module](
            depthwise=depthwise(channels, stride=stride), pointwise=conv_norm(channels, outputs, 1)
        )
        layers[f"block{number}"] = nn.Sequential(block)
        channels = outputs
    return nn.Sequential(layers | classifier(channels, num_classes))
