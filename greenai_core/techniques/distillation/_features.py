"""Looking into a network while it predicts: feature maps where a stage ends, and what the last layer sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

Seen = dict[str, tuple[Any, Any]]
"""Inputs and output of layers by name, those of each layer's last call, in the order of these calls."""


@dataclass(frozen=True)
class Stage:
    """The last layer of those that work at one resolution: its name, its channels, and (height, width)."""

    name: str
    channels: int
    size: tuple[int, int]


@contextmanager
def tapped(model: nn.Module, names: Iterable[str]) -> Iterator[Seen]:
    """Keep what the named layers take in and give out until the end; nothing stays on the model."""
    seen: Seen = {}
    with ExitStack() as hooks:
        for name in names:
            hooks.callback(model.get_submodule(name).register_forward_hook(partial(_keep, seen, name)).remove)
        yield seen


def _keep(seen: Seen, name: str, layer: nn.Module, inputs: Any, output: Any) -> None:
    seen.pop(name, None)
    seen[name] = inputs, output


@torch.no_grad()
def _looked_into(model: nn.Module, images: torch.Tensor) -> Seen:
    """Return all layers at work on images, but for dropout, behind which a map is not what was computed."""
    layers = [name for name, layer in model.named_modules() if name and not isinstance(layer, nn.Dropout)]
    with tapped(model, layers) as seen:
        model.eval()(images.float())
    return seen


def stages(model: nn.Module, images: torch.Tensor) -> tuple[Stage, ...]:
    """Return where the feature maps of each resolution are finished, in the order of the forward pass.

    Args:
        model: is put into evaluation mode.
        images: (N, C, H, W), one is enough.
    """
    found: dict[tuple[int, int], Stage] = {}
    for name, (_, maps) in _looked_into(model, images).items():
        if isinstance(maps, torch.Tensor) and maps.dim() == 4 and min(maps.shape[2:]) > 1:
            size = (maps.shape[2], maps.shape[3])
            found.pop(size, None)
            found[size] = Stage(name, maps.shape[1], size)
    return tuple(found.values())


def classifier(model: nn.Module, images: torch.Tensor) -> str | None:
    """Return the name of the last linear layer or convolution that a forward pass goes through; None: there is none.

    Args:
        model: is put into evaluation mode.
        images: (N, C, H, W), one is enough.
    """
    called = _looked_into(model, images)
    weighted = [name for name in called if isinstance(model.get_submodule(name), nn.Linear | nn.Conv2d)]
    return weighted[-1] if weighted else None


def penultimate(seen: Seen, name: str) -> torch.Tensor:
    """Return what the layer took in as vectors (B, D); maps are averaged over all places."""
    ((values, *_), _) = seen[name]
    return values.float().mean((2, 3)) if values.dim() == 4 else values.float()
