"""The rate of dropout as a choice of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
