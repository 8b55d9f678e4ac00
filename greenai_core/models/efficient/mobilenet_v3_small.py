"""MobileNetV3-Small, adapted to small images."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mobilenet_v3_small"]

SMALL_SIDE = 64


def mobilenet_v3_small(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Annotated[
        float, Field(ge=0.1, le=2, title="Width", description="multiplier of the channels of every layer")
    ] = 1.0,
) -> "nn.Module":
    """MobileNetV3-Small: depthwise separable residual blocks with squeeze-and-excitation, found by search.

    Untrained weights. The first convolution takes the input's channels; below 64 pixels a side it keeps the
    resolution (stride 1), else nothing would be left to look at in the last blocks.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Howard et al. 2019, https://arxiv.org/abs/1905.02244, as implemented in torchvision
    """
    from functools import partial

    from torch import nn

    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models import mobilenet_v3_small as build

    # torchvision's momentum of 0.01 averages the statistics over hundreds of steps: a short training ends long before,
    # and its network, right while it trains, guesses when it is evaluated. 0.1 is torch's default.
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.1)
    model = build(weights=None, num_classes=num_classes, width_mult=width, norm_layer=norm)
    channels, height, side = input_shape
    first = model.features[0][0]
    stride = 1 if min(height, side) < SMALL_SIDE else 2
    model.features[0][0] = nn.Conv2d(channels, first.out_channels, 3, stride=stride, padding=1, bias=False)
    return model
