"""How networks of torchvision are fitted to small images; import it where a network is built, as it loads torch."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from greenai_core.models._blocks import stem_stride

MOMENTUM = 0.1


def stem(input_shape: tuple[int, int, int], like: nn.Conv2d) -> nn.Conv2d:
    """Return a 3x3 convolution for the place of a network's first one.

    It takes the channels of the images and keeps the resolution of small ones; on larger ones nothing else changes.

    Args:
        input_shape: (C, H, W).
        like: the 3x3 convolution with stride 2 that it stands for.
    """
    stride = stem_stride(input_shape)
    padding = 1 if stride == 1 else int(like.padding[0])
    return nn.Conv2d(input_shape[0], like.out_channels, 3, stride, padding, bias=like.bias is not None)


def settle_quickly(model: nn.Module) -> None:
    """Give every batch normalisation of `model` torch's default momentum, in place.

    Momenta of 0.01 and less average the statistics over hundreds of steps: a short training ends long before, and its
    network, right while it trains, guesses when it is evaluated.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = MOMENTUM


def in_sequence(model: nn.Module, **before: nn.Module) -> nn.Sequential:
    """Return the layers of `model`, by their names, as a sequence in which pooling and flattening are layers, too.

    Tools that follow a network layer by layer do not see what happens between the layers, such as a mean over pixels.

    Args:
        model: its children run in their order, the last one on the mean over all pixels.
        before: layers to run first.
    """
    *body, head = [(name, layer) for name, layer in model.named_children() if name != "avgpool"]
    between = [("avgpool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten())]
    return nn.Sequential(OrderedDict([*before.items(), *body, *between, head]))
