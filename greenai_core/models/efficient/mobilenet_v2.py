"""MobileNetV2, adapted to small images."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mobilenet_v2"]


def mobilenet_v2(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
) -> "nn.Module":
    """MobileNetV2: inverted residual blocks, thin where they meet and wide at their depthwise convolution.

    2,236,682 parameters on 3x32x32 with ten classes. Channels come in multiples of 8; a width below 1 leaves the 1,280
    of the last convolution as they are, which then holds a large share of the weights. Below 64 pixels a side the first
    convolution keeps the resolution.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, as implemented in torchvision
    """
    from greenai_core.models._torchvision import stem
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models import mobilenet_v2 as build

    model = build(weights=None, num_classes=num_classes, width_mult=width)
    model.features[0][0] = stem(input_shape, model.features[0][0])
    return model
