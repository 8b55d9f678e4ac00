"""Building blocks of the networks that are spelt out here; import it where a network is built, as it loads torch."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

SMALL_SIDE = 64
"""Images with a shorter side keep their resolution in the first convolution, else nothing is left to look at."""


def scaled(channels: int, width: float, multiple: int = 4) -> int:
    """Return `channels` times `width`, rounded (half upwards) to a multiple and never below it."""
    return max(multiple, int(channels * width / multiple + 0.5) * multiple)


def stem_stride(input_shape: tuple[int, int, int]) -> int:
    """Return the stride of the first convolution on images (C, H, W): 1 below 64 pixels a side, else 2."""
    return 1 if min(input_shape[1:]) < SMALL_SIDE else 2


def conv_norm(
    inputs: int, outputs: int, kernel: int = 3, *, stride: int = 1, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Return a convolution that keeps the size (divided by `stride`), batch normalisation and, if wanted, a ReLU."""
    padding = kernel // 2
    layers = OrderedDict[str, nn.Module](
        conv=nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        norm=nn.BatchNorm2d(outputs),
    )
    if relu:
        layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


def depthwise(channels: int, kernel: int = 3, *, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Return `conv_norm` with one filter per channel."""
    return conv_norm(channels, channels, kernel, stride=stride, groups=channels, relu=relu)


def resized(input_shape: tuple[int, int, int], resolution: float) -> OrderedDict[str, nn.Module]:
    """Return what scales the sides of images (C, H, W) by `resolution`, bilinear; no layer where they stay as they are.

    Inside the network, so that the deployed file takes images as they come.
    """
    sides = tuple(round(resolution * side) for side in input_shape[1:])
    return OrderedDict() if sides == input_shape[1:] else OrderedDict(resize=nn.Upsample(sides, mode="bilinear"))


def classifier(channels: int, num_classes: int) -> OrderedDict[str, nn.Module]:
    """Return the end of a network: the mean over all places of (N, `channels`, H, W), then one linear layer."""
    return OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(channels, num_classes))


class Residual(nn.Module):
    """The sum of what a body and a shortcut make of the same input (N, C, H, W)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return body(images) + shortcut(images)."""
        out: torch.Tensor = self.body(images) + self.shortcut(images)
        return out


class SideBySide(nn.Module):
    """The channels of two branches, one after the other, both made from the same input (N, C, H, W)."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, channels of the first + channels of the second, H', W')."""
        return torch.cat([self.first(images), self.second(images)], 1)
