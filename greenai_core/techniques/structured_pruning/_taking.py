"""A layer that keeps some of its channels, in an order that is given."""

from __future__ import annotations

import torch
from torch import nn


def is_depthwise(layer: nn.Module) -> bool:
    """Tell whether a layer is a convolution with one filter per channel."""
    return isinstance(layer, nn.Conv2d) and 1 < layer.groups == layer.out_channels


def keep_inputs(layer: nn.Conv2d, positions: torch.Tensor) -> None:
    """Let a convolution read these channels only, in this order, in place.

    Args:
        layer: no depthwise one, whose inputs are its outputs.
        positions: as many in each group of a grouped convolution, group by group.
    """
    size = layer.in_channels // layer.groups
    blocks = zip(layer.weight.detach().chunk(layer.groups), positions.chunk(layer.groups), strict=True)
    layer.weight = nn.Parameter(torch.cat([weight[:, some % size] for weight, some in blocks]))
    layer.in_channels = len(positions)


def keep_outputs(layer: nn.Conv2d | nn.BatchNorm2d, positions: torch.Tensor) -> None:
    """Let a convolution or batch normalisation make these channels only, in this order, in place."""
    if isinstance(layer, nn.BatchNorm2d):
        layer.num_features = len(positions)
    else:
        if is_depthwise(layer):
            layer.in_channels = layer.groups = len(positions)
        layer.out_channels = len(positions)
    for name, parameter in list(layer.named_parameters()):
        setattr(layer, name, nn.Parameter(parameter.detach()[positions]))
    for name, buffer in list(layer.named_buffers()):
        if buffer.dim():
            setattr(layer, name, buffer[positions])
