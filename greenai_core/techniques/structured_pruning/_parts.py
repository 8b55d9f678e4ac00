"""The parts of a network whose channels can be followed from layer to layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import nn


@dataclass(frozen=True)
class Part:
    """A piece of a network that is cut by itself: the channels that go in and those that come out stay."""

    module: nn.Module
    images: torch.Tensor
    """What goes in, (1, C, H, W)."""


def parts(model: nn.Module, images: torch.Tensor) -> list[Part]:
    """Return the parts of `model`: all of it as one, unless it shuffles channels.

    A shuffle leads each channel through every block behind it: all channels of a stage would have to go together. Such
    a network keeps the channels that its blocks hand on, and is cut inside them: a sequence of layers falls into the
    blocks that shuffle and the runs between them; of a block, each child is a part of its own. A sequence whose own
    layers shuffle is one part.

    Args:
        model: its shuffles are layers, `torch.nn.ChannelShuffle` or one of that name with the same `groups`.
        images: an input of the model, (1, C, H, W).
    """
    found = [module for module in _split(model) if any(isinstance(layer, nn.Conv2d) for layer in module.modules())]
    seen: dict[nn.Module, torch.Tensor] = {}

    def keep(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen[layer] = inputs[0].detach()

    hooks = [_entrance(module).register_forward_pre_hook(keep) for module in found]
    model(images)
    for hook in hooks:
        hook.remove()
    return [Part(module, seen[_entrance(module)]) for module in found]


def shuffles(layer: nn.Module) -> bool:
    """Tell whether a layer deals its channels out anew; those of another class than torch's export to less."""
    return type(layer).__name__ == nn.ChannelShuffle.__name__ and getattr(layer, "groups", 1) != 1


def _split(module: nn.Module) -> Iterator[nn.Module]:
    inside = [any(shuffles(layer) for layer in child.modules()) for child in module.children()]
    own = [shuffles(child) for child in module.children()]
    if not any(inside):
        if not shuffles(module):
            yield module
    elif not isinstance(module, nn.Sequential):
        for child in module.children():
            yield from _split(child)
    elif inside == own:
        yield module
    else:
        for opaque, run in groupby(zip(inside, module.children(), strict=True), key=lambda pair: pair[0]):
            children = [child for _, child in run]
            for piece in children if opaque else [nn.Sequential(*children)]:
                yield from _split(piece)


def _entrance(module: nn.Module) -> nn.Module:
    """Return the first layer that a part runs: a run between two blocks is no layer of the network itself."""
    return _entrance(module[0]) if isinstance(module, nn.Sequential) else module
