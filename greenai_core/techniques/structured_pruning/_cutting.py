"""Channels are cut out of a network and of everything that reads them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import nn

from greenai_core.dropout import connections, rescale_dropout
from greenai_core.techniques.structured_pruning._choice import least
from greenai_core.techniques.structured_pruning._coupling import Coupled, coupled
from greenai_core.techniques.structured_pruning._parts import parts

Importance = Callable[[Coupled], torch.Tensor | None]
"""Scores of coupled channels (n,), the least to be removed first; None: all of them stay."""
Amount = Callable[[Sequence[torch.Tensor]], list[int]]
"""How many channels go, for the scores of each layer."""


def cut(model: nn.Module, importance: Importance, amount: Amount, input_shape: tuple[int, int, int]) -> nn.Module:
    """Return a copy of `model` without its least important channels.

    Layers whose channels must agree (residual sums, depthwise convolutions) are cut alike. The widths inside
    squeeze-and-excitation are cut like any other. What comes out of the network and the units of linear layers stay.
    Grouped convolutions keep groups of equal size. In a network that shuffles channels the blocks are cut inside: what
    they hand on stays. Dropout is lowered with the connections that are left.

    Args:
        model: left as it is.
        importance: of channels that go together.
        amount: of channels that go.
        input_shape: (C, H, W).

    Source: Fang et al. 2023, https://arxiv.org/abs/2301.12900
    """
    cut_model = copy.deepcopy(model).eval().requires_grad_(True)
    before = connections(cut_model, _size)
    names = {layer: name for name, layer in cut_model.named_modules()}
    images = torch.zeros(1, *input_shape, device=next(cut_model.parameters()).device)
    with torch.enable_grad():  # the dependencies are found with autograd
        found = [group for part in parts(cut_model, images) for group in coupled(part, names)]
        scored = [(group, scores) for group in found if (scores := importance(group)) is not None]
        removed = amount([scores for _, scores in scored])
        for (group, scores), count in zip(scored, removed, strict=True):
            if channels := least(scores.detach(), count, group.views, group.step):
                group.remove(channels)
    rescale_dropout(cut_model, _size, before)
    return cut_model.requires_grad_(True)


def _size(layer: nn.Module) -> float:
    return float(layer.weight.numel())  # type: ignore[operator]
