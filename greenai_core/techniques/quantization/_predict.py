"""How many bytes an int8 file will have, from the shapes of tensors alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from greenai_core.evaluation import evaluating
from greenai_core.metrics import one_image, recurrent_layers_closed

STATIC_FILE, STATIC_NODES = 355, {
    "convolution": 370,
    "addmm": 257,
    "mm": 257,
    "max_pool2d_with_indices": 146,
    "add": 125,
    "mul": 165,
    "sigmoid": 165,
    "hardsigmoid": 165,
    "hardswish": 178,
    "silu": 250,
    "tanh": 182,
    "cat": 151,
    "slice": 54,
    "transpose": 438,
}  # fmt: skip
"""Bytes of a file beside its tensors, and of what each operation adds: its node, and the nodes that round what goes in
and comes out. A ReLU adds nothing, as it is the lower end of a range; a transpose stands for a channel shuffle, with
the two reshapes around it. Fitted to the networks of `greenai_core.models`, largest error there 0.1 %."""

DYNAMIC_FILE, DYNAMIC_NODES = 59, {
    "convolution": 143,
    "addmm": 223,
    "mm": 223,
    "max_pool2d_with_indices": 116,
    "relu": 34,
    "hardtanh": 50,
    "add": 14,
    "mul": 100,
    "silu": 25,
    "tanh": 88,
    "cat": 33,
    "slice": 12,
    "transpose": 205,
}  # fmt: skip
"""The same where activations are rounded at work."""
INTEGER_CONVOLUTION = 176
"""Further bytes of a convolution that is computed that way."""
LSTM_STACK, LSTM_LAYER = 421, 335
"""Bytes beside tensors of a stack of LSTMs, whose first state several nodes make, and of each layer in it."""


@dataclass
class Product:
    """A convolution or linear layer in the file: channels that come out, weights, and whether it has a bias there."""

    convolution: bool
    channels: int
    weights: int
    bias: bool


def static_bytes(model: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Predict the file of `greenai_core.techniques.quantization._onnxruntime.static`.

    Each weight is one byte, each output channel has a scale, a bias and the scale of the bias. Zero points are zeros;
    products with equally many channels share them.

    Args:
        model: any network of convolutions and linear layers; it keeps its mode.
        input_shape: (C, H, W).
    """
    seen = _seen(model, input_shape)
    tensors = sum(product.weights + product.channels * (4 + 8 * product.bias) for product in seen.products)
    zero_points = sum({p.channels for p in seen.products}) + 4 * sum({p.channels for p in seen.products if p.bias})
    return STATIC_FILE + tensors + zero_points + _nodes(seen.operations, STATIC_NODES)


def dynamic_bytes(model: nn.Module, input_shape: tuple[int, int, int], *, convolutions: bool) -> int:
    """Predict the file of `greenai_core.techniques.quantization._onnxruntime.dynamic`.

    Args:
        model: any network whose recurrent layers, if any, are LSTMs; it keeps its mode.
        input_shape: (C, H, W).
        convolutions: whether their weights are int8, too, with one scale each.
    """
    seen = _seen(model, input_shape)
    folded = [product for product in seen.products if product.convolution]
    linear = [product for product in seen.products if not product.convolution]
    tensors = sum(p.weights * (1 if convolutions else 4) + 4 * p.channels * p.bias for p in folded)
    tensors += sum(p.weights + p.channels * (4 + 4 * p.bias) for p in linear)
    zero_points = sum({product.channels for product in linear})
    nodes = _nodes(seen.operations, DYNAMIC_NODES) + INTEGER_CONVOLUTION * len(folded) * convolutions
    lstms = [layer for layer in model.modules() if isinstance(layer, nn.LSTM)]
    return DYNAMIC_FILE + tensors + zero_points + nodes + sum(map(_lstm_bytes, lstms))


def _lstm_bytes(stack: nn.LSTM) -> int:
    """Return the bytes of a stack of LSTMs: weights, and per layer two biases and two scales of each gate's unit."""
    weights = sum(weight.numel() for weight in stack.parameters() if weight.dim() > 1)
    gates = 4 * stack.hidden_size
    return LSTM_STACK + weights + gates + stack.num_layers * (LSTM_LAYER + 4 * 4 * gates)


def _nodes(operations: Mapping[str, int], bytes_of: Mapping[str, int]) -> int:
    return sum(number * bytes_of.get(name, 0) for name, number in operations.items())


class _Watch(TorchDispatchMode):
    """Counts the operations of a forward pass and notes its products."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.made_by: dict[int, Product] = {}
        self._held: list[Any] = []  # an id is unique while the tensor lives

    @property
    def products(self) -> Sequence[Product]:
        """Convolutions and linear layers in their order."""
        return list(self.made_by.values())

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.__name__.partition(".")[0].rstrip("_")
        self.operations[name] += 1
        self._held.append(out)
        if name == "convolution":
            weight = args[1]
            self.made_by[id(out)] = Product(True, weight.shape[0], weight.numel(), args[2] is not None)
        elif name in ("addmm", "mm"):
            weight = args[-1]
            self.made_by[id(out)] = Product(False, weight.shape[1], weight.numel(), name == "addmm")
        elif "batch_norm" in name and id(args[0]) in self.made_by:
            self.made_by[id(args[0])].bias = True  # it is taken into the convolution
        return out


def _seen(model: nn.Module, input_shape: tuple[int, int, int]) -> _Watch:
    watch = _Watch()
    with evaluating(model), recurrent_layers_closed(model, lambda *_: None), watch:
        model(one_image(model, input_shape))
    return watch
