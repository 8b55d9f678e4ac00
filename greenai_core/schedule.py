"""Learning rates while a network trains: one cycle, and with FreezeOut a shorter one for each layer before the last."""

from __future__ import annotations

import math
from collections import deque
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from greenai_core.constraints.frozen import holding
from greenai_core.errors import BadInput

WARM_UP = 0.25
"""Share of the steps during which the one-cycle learning rate rises."""


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of one step: a linear rise to `peak`, then half a cosine down to zero.

    A function of three numbers instead of a scheduler object, whose bookkeeping takes a tenth of a step on the
    smallest networks.

    Source: Smith and Topin 2018, https://arxiv.org/abs/1708.07120
    """
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


class Schedule:
    """The learning rate of every layer at every step, and which layers learn no more.

    With `freeze_out` below 1 the first layer that learns is frozen after that share of the steps, and others at equal
    distances until the end; each has a cycle of its own, which ends there. What is frozen needs no gradient, and where
    all layers below are frozen, too, the backward pass ends. This is the authors' linear schedule, the rates of shorter
    cycles not scaled up. Frozen are the layers up to the last convolution: what stands behind it costs little, and
    learns to the end. Where there is no convolution, only the last layer does; a recurrent stack is one layer.

    Source: FreezeOut, Brock, Lim, Ritchie, Weston 2017, https://arxiv.org/abs/1706.04983

    Raises:
        BadInput: `freeze_out` is below 1, and only one layer learns.

    Attributes:
        groups: of parameters, for an optimizer; those of the layers that will be frozen, then all others.
    """

    def __init__(self, model: nn.Module, steps: int, peak: float, freeze_out: float) -> None:
        early = _early(_learning(model)) if freeze_out < 1 else []
        if freeze_out < 1 and not early:
            raise BadInput(
                "recipe: freeze_out needs a network of which two layers or more learn, and of this one fewer do; "
                "set it to 1, or let more layers learn."
            )
        shares = [freeze_out + (1 - freeze_out) * place / len(early) for place in range(len(early))]
        self._ends = [*(max(1, round(steps * share)) for share in shares), steps]  # nothing stays as it began
        self._waiting = deque(zip(self._ends, early, strict=False))
        self._frozen = ExitStack()
        self._peak = peak
        taken = {id(parameter) for layer in early for parameter in _own(layer)}
        others = [parameter for parameter in model.parameters() if id(parameter) not in taken]
        self.groups: list[dict[str, Any]] = [{"params": _own(layer)} for layer in early] + [{"params": others}]

    def __enter__(self) -> Self:
        """Begin; what is frozen on the way learns again at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        self._frozen.close()

    def at(self, step: int) -> float:
        """Return the learning rate of what learns longest."""
        return one_cycle(step, self._ends[-1], self._peak)

    def set(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """Freeze what is due and set the learning rates of `groups` for a step; returns that of what learns longest."""
        while self._waiting and step >= self._waiting[0][0]:
            layer = self._waiting.popleft()[1]
            self._frozen.enter_context(holding(layer.modules() if is_parametrized(layer) else [layer]))
        for group, end in zip(optimizer.param_groups, self._ends, strict=True):
            group["lr"] = one_cycle(min(step, end), end, self._peak)
        return self.at(step)


def _learning(model: nn.Module) -> list[nn.Module]:
    """Return the layers that learn, in order; one whose weights are worked out from others is one with those."""
    named = ((name, layer) for name, layer in model.named_modules() if name and ".parametrizations" not in name)
    return [layer for _, layer in named if _own(layer)]


def _early(layers: list[nn.Module]) -> list[nn.Module]:
    """Return the layers up to the last convolution, or all, but never the last one."""
    convolutions = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    last = convolutions[-1] + 1 if convolutions else len(layers)
    return layers[: min(last, len(layers) - 1)]


def _own(layer: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a layer that learn, without those of layers inside it."""
    return [parameter for parameter in layer.parameters(recurse=is_parametrized(layer)) if parameter.requires_grad]
