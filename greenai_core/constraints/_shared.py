"""Weights of a layer that fall into groups; those of a group have one value, or differ in nothing but the sign."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from greenai_core.constraints._base import Constraint


class Groups(NamedTuple):
    """How the N weights of a parameter fall into K groups.

    `of` (N,) int64 is the group of each weight, `sign` (N,) its sign within it (None: all the same), `number` is K.
    """

    of: torch.Tensor
    sign: torch.Tensor | None
    number: int

    def signed(self, weights: torch.Tensor) -> torch.Tensor:
        """Return weights (N,) with the signs that they have within their groups taken away, or put back."""
        return weights if self.sign is None else weights * self.sign


@dataclass(frozen=True, eq=False)
class Shared(Constraint):
    """Weights that are shared: their gradients are added up, and they move together.

    A weight that is zero was removed by a mask: it has no part in its group. The mask comes after this constraint and
    makes it zero again.

    Source: Han, Mao, Dally 2016, https://arxiv.org/abs/1510.00149, figure 3
    """

    _known: dict[str, Groups] = field(default_factory=dict, init=False, repr=False)

    @abstractmethod
    def groups(self, name: str, shape: torch.Size) -> Groups:
        """Return how the weights of a parameter fall into groups."""

    def values(self, name: str, parameter: torch.Tensor) -> torch.Tensor:
        """Return the value (K,) of each group of a parameter: that of its first weight that is not zero.

        A group of which nothing is left has the value zero, one to which no weight belongs that of the last weight.
        """
        groups = self._grouped(name, parameter.shape)
        weights = groups.signed(parameter.detach().flatten())
        end = len(weights)
        places = torch.where(weights != 0, torch.arange(end, device=weights.device), end)
        first = torch.full((groups.number,), end - 1, device=weights.device)
        first.scatter_reduce_(0, groups.of, places, "amin", include_self=False)
        return F.pad(weights, (0, 1))[first]

    def holds(self, name: str, parameter: torch.Tensor) -> bool:
        """Return whether the weights are still shared; pruning sets some of a group to zero."""
        return torch.equal(self._spread(name, parameter), parameter.detach())

    def _spread(self, name: str, parameter: torch.Tensor) -> torch.Tensor:
        """Return the parameter with the value of its group in the place of each weight."""
        groups = self._grouped(name, parameter.shape)
        return groups.signed(self.values(name, parameter)[groups.of]).view(parameter.shape)

    def _grouped(self, name: str, shape: torch.Size) -> Groups:
        """Return the groups; worked out once, as every training step needs them."""
        if name not in self._known:
            self._known[name] = self.groups(name, shape)
        return self._known[name]

    @torch.no_grad()
    def share_gradients(self, model: nn.Module) -> None:
        """Give each weight the sum of its group's gradients; a weight that is zero stays so."""
        for name in self.by_name:
            parameter = model.get_parameter(name)
            if parameter.grad is None:
                continue
            groups, gradient, kept = self._grouped(name, parameter.shape), parameter.grad, parameter != 0
            gradient.mul_(kept)
            own = groups.signed(gradient.flatten()).double()  # a group may have a million members
            total = torch.bincount(groups.of, weights=own, minlength=groups.number).to(gradient.dtype)
            gradient.copy_(groups.signed(total[groups.of]).view(gradient.shape)).mul_(kept)

    @torch.no_grad()
    def project(self, model: nn.Module) -> None:
        """Make the weights of each group equal, bit for bit."""
        for name in self.by_name:
            parameter = model.get_parameter(name)
            parameter.copy_(self._spread(name, parameter))


NORM_BYTES = 240
"""Bytes that batch normalisation takes in a file beside its numbers and names, fitted to `greenai_core.models`."""
NAMES, PATHS = 10, 3
"""How often the name of such a layer stands there, where parameters are stored and read, and how often its path."""


def unfolded_bytes(model: nn.Module) -> int:
    """Return how much larger a file is in which batch normalisation stands apart, so that weights keep their values."""
    from greenai_core.metrics import node_path

    extra, biased = 0, False
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            biased = layer.bias is not None
        elif isinstance(layer, nn.BatchNorm2d):
            kept = 4 if biased else 3  # where there was no bias, folding makes one
            extra += kept * 4 * layer.num_features + NORM_BYTES + NAMES * len(name) + PATHS * len(node_path(name))
    return extra
