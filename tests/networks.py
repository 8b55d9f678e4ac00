"""Networks that the tests of counting, exporting and timing share."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from greenai_core.facts import NETWORK
from greenai_core.registry import entry, names

GREY = (1, 28, 28)
NAMES = tuple(name for name in names("models") if entry("models", name).facts == NETWORK)
"""Every registered model that is a network."""


def model(name: str, input_shape: tuple[int, int, int] = GREY) -> nn.Module:
    """Build a registered model and make it look trained: no two tensors alike, statistics that are not 0 and 1."""
    torch.manual_seed(0)
    network: nn.Module = entry("models", name)()(input_shape, 10)  # type: ignore[operator]
    return trained_looking(network)


def cnn(first: int, second: int) -> nn.Module:
    """Build the MNIST example's network with so many channels, as channel pruning leaves it."""
    layers = OrderedDict(
        conv1=nn.Conv2d(1, first, 3),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(first, second, 3),
        relu2=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        dropout1=nn.Dropout(0.25),
        flatten=nn.Flatten(),
        fc1=nn.Linear(second * 144, 128),
        relu3=nn.ReLU(),
        dropout2=nn.Dropout(0.5),
        fc2=nn.Linear(128, 10),
    )
    return trained_looking(nn.Sequential(layers))


def trained_looking(network: nn.Module) -> nn.Module:
    """Draw every bias, scale and running statistic."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.dim() == 1 and ("weight" in name or "var" in name):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.dim() == 1:
            tensor.normal_(0, 0.1, generator=generator)
    return network
