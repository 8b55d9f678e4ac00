"""What a model weighs, counted and not timed: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from greenai_core.errors import RunFailed
from greenai_core.evaluation import evaluating


@dataclass(frozen=True)
class ParameterCount:
    """Stored weights, and those of them that are not zero."""

    params: int
    nonzero_params: int


def count_params(model: nn.Module) -> ParameterCount:
    """Count the parameters of a model; one that is used in two places counts once, and buffers are none.

    Raises:
        RunFailed: there are none, or all are zero. A count of 0 would win every comparison.
    """
    params = sum(parameter.numel() for parameter in model.parameters())
    nonzero = sum(int(torch.count_nonzero(parameter)) for parameter in model.parameters())
    if nonzero == 0:
        raise RunFailed(f"the model has {params} parameters and none that is not zero; it computes nothing.")
    return ParameterCount(params, nonzero)


def macs(model: nn.Module, input_shape: tuple[int, int, int]) -> int | None:
    """Count the multiply-accumulates of one forward pass of one image (C, H, W): products only, biases left out.

    Zero weights count as any other: no runtime here skips them. The model keeps its mode; no random number is drawn.

    Returns:
        None if no product is seen, as with layers whose weights are packed: unknown, not 0.

    Source: torch.utils.flop_counter, which counts two operations per multiply-accumulate.
    """
    counter = FlopCounterMode(display=False)
    with evaluating(model), counter:
        model(_one_image(model, input_shape))
    return counter.get_total_flops() // 2 or None


def predicted_size_bytes(model: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Predict the bytes of the file that `greenai_core.export.export_onnx` would write, without exporting.

    One forward pass of one image shows which tensors end up in the file: those that do not follow from the input and
    meet one that does. As the exporter does, batch normalisation after a convolution is taken into its weights and
    bias. What the file needs besides the tensors' bytes is small and estimated from the number of operations and the
    length of the layers' names. The model keeps its mode; no random number is drawn.

    Args:
        model: any network.
        input_shape: (C, H, W).
    """
    images = _one_image(model, input_shape)
    trace = _Trace(images)
    with evaluating(model), trace:
        model(images)
    names = [name for name, module in model.named_modules() if not any(True for _ in module.children())]
    name_length = sum(map(len, names)) / len(names)
    structure = FILE_BYTES + trace.nodes * (NODE_BYTES + NODE_BYTES_PER_LETTER * name_length)
    return trace.tensor_bytes + round(structure + trace.tensors * TENSOR_BYTES)


FILE_BYTES, TENSOR_BYTES, NODE_BYTES, NODE_BYTES_PER_LETTER = 100, 26, 60, 10
"""Bytes of a stripped file beside its weights, fitted to the three networks of `greenai_core.models`."""


def _one_image(model: nn.Module, input_shape: tuple[int, int, int]) -> torch.Tensor:
    some = next(model.parameters())
    return torch.zeros(1, *input_shape, dtype=some.dtype, device=some.device)


class _Trace(TorchDispatchMode):
    """Watches a forward pass: which operations depend on the input, and which constants they read."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.nodes = 0
        self._follows_input: dict[int, torch.Tensor] = {id(images): images}  # held: an id is unique while it lives
        self._convolved: dict[int, bool] = {}
        self._bytes: dict[tuple[int, int], int] = {}
        self._added_biases: list[int] = []

    @property
    def tensors(self) -> int:
        """Tensors in the file."""
        return len(self._bytes) + len(self._added_biases)

    @property
    def tensor_bytes(self) -> int:
        """Bytes of the tensors in the file."""
        return sum(self._bytes.values()) + sum(self._added_biases)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        following = [tensor for tensor in inputs if id(tensor) in self._follows_input]
        if following:  # else the exporter computes it once and for all
            outputs = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
            self._follows_input |= {id(tensor): tensor for tensor in outputs}
            self._note(func.__name__, args, inputs, outputs)
        return out

    def _note(self, name: str, args: Sequence[Any], inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> None:
        if "batch_norm" in name and id(args[0]) in self._convolved:
            if not self._convolved[id(args[0])]:
                self._added_biases.append(args[0].shape[1] * args[0].element_size())
            return
        self.nodes += 1
        for tensor in inputs:
            if id(tensor) not in self._follows_input:
                self._bytes[tensor.untyped_storage().data_ptr(), tensor.nbytes] = tensor.nbytes
        if name.startswith("convolution"):
            self._convolved[id(outputs[0])] = args[2] is not None
