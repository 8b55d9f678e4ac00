"""The parts of GhostNet: ghost module, squeeze-and-excitation, ghost bottleneck."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from greenai_core.models._blocks import Residual, SideBySide, conv_norm, depthwise, scaled


class SqueezeExcitation(nn.Module):
    """Weighs each channel of (N, C, H, W) by what a small network makes of the channels' means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = scaled(channels, 0.25)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.relu = nn.ReLU()
        self.excite = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Hardsigmoid()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the weighted images, of the same shape."""
        weights: torch.Tensor = self.gate(self.excite(self.relu(self.squeeze(self.pool(images)))))
        return images * weights


def ghost(inputs: int, outputs: int, *, relu: bool) -> nn.Sequential:
    """Return a ghost module: half of `outputs` by a 1x1 convolution, each one's ghost by a filter of its own.

    Source: Han et al. 2020, section 3.1, https://arxiv.org/abs/1911.11907
    """
    half = outputs // 2
    ghosts = SideBySide(nn.Identity(), depthwise(half, relu=relu))
    return nn.Sequential(OrderedDict(primary=conv_norm(inputs, half, 1, relu=relu), ghosts=ghosts))


def bottleneck(inputs: int, expanded: int, outputs: int, kernel: int, stride: int, excites: bool) -> nn.Module:
    """Return a ghost bottleneck: one ghost module expands, one compresses, a shortcut leads around them.

    Source: Han et al. 2020, section 3.2, https://arxiv.org/abs/1911.11907
    """
    body = OrderedDict[str, nn.Module](expand=ghost(inputs, expanded, relu=True))
    if stride > 1:
        body["depthwise"] = depthwise(expanded, kernel, stride=stride, relu=False)
    if excites:
        body["excitation"] = SqueezeExcitation(expanded)
    body["compress"] = ghost(expanded, outputs, relu=False)
    shortcut = OrderedDict[str, nn.Module](
        depthwise=depthwise(inputs, kernel, stride=stride, relu=False),
        pointwise=conv_norm(inputs, outputs, 1, relu=False),
    )
    plain = stride == 1 and inputs == outputs
    return Residual(nn.Sequential(body), nn.Identity() if plain else nn.Sequential(shortcut))
