"""MobileNetV3-Small, adapted to small images."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mobilenet_v3_small"]


def mobilenet_v3_small(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
) -> "nn.Module":
    """MobileNetV3-Small: depthwise separable residual blocks with squeeze-and-excitation, found by search.

    Untrained weights. The first convolution takes the input's channels; below 64 pixels a side it keeps the
    resolution (stride 1), else nothing would be left to look at in the last blocks.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Howard et al. 2019, https://arxiv.org/abs/1905.02244, as implemented in torchvision
    """
    from greenai_core.models._torchvision import settle_quickly, stem
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models import mobilenet_v3_small as build

    model = build(weights=None, num_classes=num_classes, width_mult=width)
    settle_quickly(model)
    model.features[0][0] = stem(input_shape, model.features[0][0])
    return model
