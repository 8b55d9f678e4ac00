"""Weights of a layer that fall into groups; those of a group have one value, or differ in nothing but the sign."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
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


class Placed(NamedTuple):
    """Groups, and for each the position of its first weight; where a group is empty, that of the parameter's last."""

    groups: Groups
    first: torch.Tensor


@dataclass(frozen=True, eq=False)
class Shared(Constraint):
    """Weights that are shared: their gradients are added up, and they move together.

    Source: Han, Mao, Dally 2016, https://arxiv.org/abs/1510.00149, figure 3
    """

    _placed: dict[str, Placed] = field(default_factory=dict, init=False, repr=False)

    @abstractmethod
    def groups(self, name: str, shape: torch.Size) -> Groups:
        """Return how the weights of a parameter fall into groups."""

    def placed(self, name: str, shape: torch.Size) -> Placed:
        """Return the same with the first weight of each group; worked out once, as every training step needs it."""
        if name not in self._placed:
            groups = self.groups(name, shape)
            positions = torch.arange(len(groups.of), device=groups.of.device)
            first = torch.full((groups.number,), len(positions) - 1, device=positions.device)
            self._placed[name] = Placed(groups, first.scatter_reduce_(0, groups.of, positions, "amin"))
        return self._placed[name]

    def values(self, name: str, parameter: torch.Tensor) -> torch.Tensor:
        """Return the value (K,) of each group of a parameter: that of its first weight."""
        groups, first = self.placed(name, parameter.shape)
        return groups.signed(parameter.detach().flatten())[first]

    def holds(self, name: str, parameter: torch.Tensor) -> bool:
        """Return whether the weights are still shared; pruning sets some of a group to zero."""
        return torch.equal(self._spread(name, parameter), parameter.detach())

    def _spread(self, name: str, parameter: torch.Tensor) -> torch.Tensor:
        """Return the parameter with the value of its group in the place of each weight."""
        groups = self.placed(name, parameter.shape).groups
        return groups.signed(self.values(name, parameter)[groups.of]).view(parameter.shape)

    @torch.no_grad()
    def share_gradients(self, model: nn.Module) -> None:
        """Give each weight the sum of its group's gradients."""
        for name in self.by_name:
            gradient = model.get_parameter(name).grad
            if gradient is None:
                continue
            groups = self.placed(name, gradient.shape).groups
            own = groups.signed(gradient.flatten()).double()  # a group may have a million members
            total = torch.bincount(groups.of, weights=own, minlength=groups.number).to(gradient.dtype)
            gradient.copy_(groups.signed(total[groups.of]).view(gradient.shape))

    @torch.no_grad()
    def project(self, model: nn.Module) -> None:
        """Make the weights of each group equal, bit for bit."""
        for name in self.by_name:
            parameter = model.get_parameter(name)
            parameter.copy_(self._spread(name, parameter))


NORM_BYTES, NORM_BYTES_PER_LETTER = 300, 12
"""Bytes that batch normalisation takes in a file beside its numbers, fitted to `greenai_core.models`."""


def unfolded_bytes(model: nn.Module) -> int:
    """Return how much larger a file is in which batch normalisation stands apart, so that weights keep their values."""
    extra, biased = 0, False
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d):
            biased = layer.bias is not None
        elif isinstance(layer, nn.BatchNorm2d):
            kept = 4 if biased else 3  # where there was no bias, folding makes one
            extra += kept * 4 * layer.num_features + NORM_BYTES + NORM_BYTES_PER_LETTER * len(name)
    return extra
