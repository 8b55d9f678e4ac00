"""Which weights are shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights of every convolution and linear layer by name, in the order of the layers.

    Biases and normalisation are few. The weights of recurrent layers are left alone: the file orders them anew.
    """
    from torch import nn

    layers = [name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return {f"{name}.weight": model.get_parameter(f"{name}.weight") for name in layers}
