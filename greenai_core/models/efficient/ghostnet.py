"""GhostNet, with its ghost modules spelt out."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ghostnet"]

BOTTLENECKS = (
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
)
"""Kernel, expanded channels, output channels, squeeze-and-excitation, stride (table 1 of the paper)."""


def ghostnet(input_shape: tuple[int, int, int], num_classes: int, *, width: Width = 1.0) -> "nn.Module":
    """GhostNet: half of each layer's channels are made from the other half by a cheap convolution per channel.

    Many channels of a trained network resemble each other; here the similar ones ("ghosts") cost a depthwise 3x3
    convolution instead of a share of the 1x1 convolution. Below 64 pixels a side the first convolution keeps the
    resolution. 3,914,030 parameters on 1x28x28 with ten classes, spread over some sixty thin layers: few
    products, but many small operations, and each has its price in time and some hundred bytes in the file.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Han, Wang, Tian, Guo, Xu, Xu 2020, https://arxiv.org/abs/1911.11907
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import conv_norm, scaled, stem_stride
    from greenai_core.models.efficient._ghost import bottleneck

    channels = scaled(16, width)
    layers = OrderedDict[str, nn.Module](stem=conv_norm(input_shape[0], channels, stride=stem_stride(input_shape)))
    for number, (kernel, expanded, plain, excites, stride) in enumerate(BOTTLENECKS, 1):
        outputs = scaled(plain, width)
        layers[f"block{number}"] = bottleneck(channels, scaled(expanded, width), outputs, kernel, stride, excites)
        channels = outputs
    last = scaled(BOTTLENECKS[-1][1], width)
    return nn.Sequential(
        layers
        | OrderedDict(
            last=conv_norm(channels, last, 1),
            pool=nn.AdaptiveAvgPool2d(1),
            head=nn.Conv2d(last, 1280, 1),
            relu=nn.ReLU(),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(0.2),
            fc=nn.Linear(1280, num_classes),
        )
    )
