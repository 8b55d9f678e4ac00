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
    is no training, such as pruning, may still change them.
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


@contextmanager
def held(model: nn.Module, constraints: Iterable[Constraint]) -> Iterator[None]:
    """Hold what is frozen while `model` trains: no gradients, and layers that compute as when they are evaluated.

    The latter keeps the statistics of batch normalisation. Everything is as before at the end. A layer that an earlier
    stage has replaced is not frozen.
    """
    named = {name for constraint in constraints if isinstance(constraint, Frozen) for name in constraint.by_name}
    there = {name: parameter for name, parameter in model.named_parameters() if name in named}
    parameters = [parameter for parameter in there.values() if parameter.requires_grad]
    layers = {model.get_submodule(name.rpartition(".")[0]) for name in there}
    for parameter in parameters:
        parameter.requires_grad_(False)
    for layer in layers:
        layer.eval().train = partial(_stay, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for layer in layers:
            del layer.train


def _stay(layer: nn.Module, mode: bool = True) -> nn.Module:
    """Stand in for `train`: the layer stays as it is."""
    return layer
