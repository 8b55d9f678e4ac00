"""The unit of ShuffleNet: grouped 1x1 convolution, channel shuffle, depthwise convolution, grouped 1x1 convolution."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from greenai_core.models._blocks import Residual, SideBySide, conv_norm, depthwise


class ChannelShuffle(nn.Module):
    """Deals the channels of (N, C, H, W) out like cards: the next layer's every group gets some of each group."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) whose channel i * groups + g is channel g * C / groups + i of the input."""
        # Plain numbers: traced ones would be written into the exported file as operations of their own.
        channels, height, width = (int(side) for side in images.shape[1:])
        grouped = images.reshape(-1, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(-1, channels, height, width)


def unit(inputs: int, outputs: int, groups: int, first_groups: int) -> nn.Module:
    """Return a unit of ShuffleNet (figure 2 of the paper); one that changes the channels halves the resolution.

    It then appends its channels to the pooled input instead of adding the two. A quarter of `outputs` pass through the
    depthwise convolution. `first_groups` are those of the first 1x1 convolution.

    Source: Zhang, Zhou, Lin, Sun 2018, https://arxiv.org/abs/1707.01083
    """
    halves = inputs != outputs
    middle, made = outputs // 4, outputs - inputs if halves else outputs
    branch = nn.Sequential(
        OrderedDict(
            compress=conv_norm(inputs, middle, 1, groups=first_groups),
            shuffle=ChannelShuffle(groups),
            depthwise=depthwise(middle, stride=2 if halves else 1, relu=False),
            expand=conv_norm(middle, made, 1, groups=groups, relu=False),
        )
    )
    joined = SideBySide(nn.AvgPool2d(3, 2, padding=1), branch) if halves else Residual(branch)
    return nn.Sequential(OrderedDict(joined=joined, relu=nn.ReLU()))
