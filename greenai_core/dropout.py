"""The rate of dropout: as a choice of training, and of a network that has lost connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import sqrt

from torch import nn

from greenai_core.errors import BadInput


@contextmanager
def dropping(model: nn.Module, rate: float | None) -> Iterator[None]:
    """Give every dropout layer of `model` one rate while it trains, and its own again at the end; None: its own.

    Raises:
        BadInput: there is no dropout layer.
    """
    if rate is None:
        yield
        return
    layers = [m for m in model.modules() if isinstance(m, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d)]
    if not layers:
        raise BadInput(
            "recipe: dropout needs a network with dropout layers, and this one has none; leave it empty, or choose "
            "another model."
        )
    own = [layer.p for layer in layers]
    for layer in layers:
        layer.p = rate
    try:
        yield
    finally:
        for layer, p in zip(layers, own, strict=True):
            layer.p = p


def rescale_dropout(model: nn.Module, connections: Callable[[nn.Module], float], before: dict[str, float]) -> None:
    """Lower each dropout rate of `model` in place to p * sqrt(connections left / connections before).

    The connections are those of the weighted layer in front. A cut network has less capacity to overfit: at the full
    rate a layer left with four channels would lose two of them at every step.

    Args:
        model: the network after the cut.
        connections: counts the connections of a layer.
        before: the same count before the cut, by layer name.

    Source: Han, Pool, Tran, Dally 2015, section 3.2, https://arxiv.org/abs/1506.02626
    """
    left = 1.0
    for name, module in model.named_modules():
        if before.get(name):
            left = connections(module) / before[name]
        elif isinstance(module, nn.Dropout):
            module.p *= sqrt(left)


def connections(model: nn.Module, count: Callable[[nn.Module], float]) -> dict[str, float]:
    """Return the connections of every convolution and linear layer by name."""
    return {name: count(module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
