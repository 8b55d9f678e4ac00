"""Weights that later training leaves as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import nn

from greenai_core.constraints._base import Constraint

__all__ = ["Frozen"]


@dataclass(frozen=True, eq=False)
class Frozen(Constraint):
    """Parameters that training leaves as they are, and the statistics of their layers; the tensors hold nothing.

    No gradient is computed for them, so the work of a backward pass through the first layers is saved. A stage that
    is no training, such as pruning, may still change them; what it puts in a layer's place is frozen in its stead.
    """

    kind: ClassVar[str] = "frozen"


def blocks(model: nn.Module) -> list[str]:
    """Return the names of the top-level layers and blocks of `model` that have parameters, in order."""
    return [name for name, child in model.named_children() if next(child.parameters(), None) is not None]


def first(model: nn.Module, count: int) -> Frozen:
    """Return the constraint that freezes the first `count` of `blocks`."""
    held = tuple(f"{name}." for name in blocks(model)[:count])
    frozen = [name for name, _ in model.named_parameters() if name.startswith(held)]
    return Frozen({name: torch.ones((), dtype=torch.bool) for name in frozen})


def layers(model: nn.Module, constraints: Iterable[Constraint]) -> list[nn.Module]:
    """Return the layers of `model` whose parameters are frozen: those that were, or what was put in their place."""
    named = {name for constraint in constraints if isinstance(constraint, Frozen) for name in constraint.by_name}
    places = tuple(f"{name.rpartition('.')[0]}." for name in named)
    inside = [layer for name, layer in model.named_modules() if f"{name}.".startswith(places)]
    return [layer for layer in inside if next(layer.parameters(recurse=False), None) is not None]


@contextmanager
def held(model: nn.Module, constraints: Iterable[Constraint]) -> Iterator[None]:
    """Hold what is frozen while `model` trains, see `holding`."""
    with holding(layers(model, constraints)):
        yield


@contextmanager
def holding(frozen: Iterable[nn.Module]) -> Iterator[None]:
    """Hold layers while their model trains: no gradients, and they compute as when they are evaluated.

    The latter keeps the statistics of batch normalisation. Everything is as before at the end.
    """
    still = [layer for layer in frozen if "train" not in vars(layer)]  # the others are held already
    every = [parameter for layer in still for parameter in layer.parameters(recurse=False)]
    parameters = [parameter for parameter in every if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    for layer in still:
        layer.eval().train = partial(_stay, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for layer in still:
            del layer.train


def _stay(layer: nn.Module, mode: bool = True) -> nn.Module:
    """Stand in for `train`: the layer stays as it is."""
    return layer
