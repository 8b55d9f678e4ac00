"""What a model weighs, counted and not timed: parameters, multiply-accumulates, bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

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

    Zero weights count as any other: no runtime here skips them. A recurrent layer multiplies all its weights once per
    time step; what its gates multiply element by element is left out, as activations are everywhere. The model keeps
    its mode; no random number is drawn.

    Returns:
        None if no product is seen, as with layers whose weights are packed: unknown, not 0.

    Source: torch.utils.flop_counter, which counts two operations per multiply-accumulate; for recurrent layers, of
        which it sees those that torch takes apart, the formula.
    """
    counter = FlopCounterMode(display=False)
    recurrent: list[int] = []

    def note(layer: nn.RNNBase, rows: torch.Tensor, out: Any) -> None:
        steps = rows.numel() // rows.shape[-1]
        recurrent.append(steps * sum(weight.numel() for weight in layer.parameters() if weight.dim() > 1))

    with evaluating(model), recurrent_layers_closed(model, note), counter:
        model(one_image(model, input_shape))
    return counter.get_total_flops() // 2 + sum(recurrent) or None


def predicted_size_bytes(model: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Predict the bytes of the file that `greenai_core.export.export_onnx` would write, without exporting.

    One forward pass of one image shows which tensors end up in the file: those that do not follow from the input and
    meet one that does. As the exporter does, batch normalisation after a convolution is taken into its weights and
    bias. What the file needs besides the tensors' bytes is estimated: so much for each node and kernel, and the letters
    of the layers' names, each of which stands in the node, in its output, and in the inputs of the nodes that read it.
    The model keeps its mode; no random number is drawn.

    Args:
        model: any network.
        input_shape: (C, H, W).
    """
    images = one_image(model, input_shape)
    tracker = ModuleTracker()
    trace = _Trace(images, tracker)
    with evaluating(model), recurrent_layers_closed(model, trace.note_recurrent), tracker, trace:
        model(images)
    return FILE_BYTES + trace.nodes * NODE_BYTES + trace.kernels * KERNEL_BYTES + trace.letters + trace.bytes


FILE_BYTES, NODE_BYTES, KERNEL_BYTES = 60, 91, 110
"""Bytes of a stripped file beside its weights and names, fitted to the networks of `greenai_core.models`.

A kernel is that of a convolution, or one of the two of a recurrent layer: for its input and for the state before.
"""

MORE_NODES = {"hardtanh": 2, "silu": 1, "slice": 4, "select": 1}
"""Nodes that the exporter writes for an operation besides one: its constants, or the second half of it."""


def one_image(model: nn.Module, input_shape: tuple[int, int, int]) -> torch.Tensor:
    """Return a black image (1, C, H, W), of the kind and on the device of a model's parameters."""
    some = next(model.parameters())
    return torch.zeros(1, *input_shape, dtype=some.dtype, device=some.device)


@contextmanager
def recurrent_layers_closed(model: nn.Module, note: Callable[[nn.RNNBase, torch.Tensor, Any], None]) -> Iterator[None]:
    """Hide the inside of recurrent layers from what watches operations; `note` gets (layer, input, output) instead.

    Torch takes some of them apart into operations for each time step and others not, depending on the device; in an
    exported file each is one node.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.RNNBase)]
    for layer in layers:
        layer.forward = partial(_closed, layer, note)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _closed(layer: nn.RNNBase, note: Callable[..., None], rows: torch.Tensor, *state: Any) -> Any:
    with _disable_current_modes():
        out = type(layer).forward(layer, rows, *state)
    note(layer, rows, out)
    return out


class _Trace(TorchDispatchMode):
    """Watches a forward pass: which operations depend on the input, which constants they read, what they are called."""

    def __init__(self, images: torch.Tensor, tracker: ModuleTracker) -> None:
        super().__init__()
        self.nodes = self.kernels = self.letters = 0
        self._tracker = tracker
        self._follows_input = {id(images): images}  # held: an id is unique while it lives
        self._letters_of = {id(images): 0}
        self._convolved: dict[int, bool] = {}
        self._bytes: dict[tuple[int, int], int] = {}
        self._added_biases: list[int] = []

    @property
    def bytes(self) -> int:
        """Bytes of the tensors in the file."""
        return sum(self._bytes.values()) + sum(self._added_biases)

    def note_recurrent(self, layer: nn.RNNBase, rows: torch.Tensor, out: Any) -> None:
        """Note a recurrent layer, whose first state ten nodes make; of a stack, each layer slices off its own."""
        states = 2 if isinstance(layer, nn.LSTM) else 1
        slices = states * layer.num_layers if layer.num_layers > 1 else 0
        nodes = 10 + 3 * layer.num_layers + 4 * slices
        self._add([rows, *layer.parameters()], tree_leaves(out), nodes)
        self.kernels += 2 * layer.num_layers

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if any(id(tensor) in self._follows_input for tensor in inputs):  # else it is computed once and for all
            outputs = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
            self._note(func.__name__.partition(".")[0].rstrip("_"), args, inputs, outputs)
        return out

    def _note(self, name: str, args: Sequence[Any], inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> None:
        if "batch_norm" in name and id(args[0]) in self._convolved:
            if not self._convolved[id(args[0])]:
                self._added_biases.append(args[0].shape[1] * args[0].element_size())
            self._follow(outputs, self._letters_of[id(args[0])])
            return
        reshapes = name == "view" and outputs[0].dim() > 2  # to two dimensions it is a flatten, which needs no shape
        self._add(inputs, outputs, 1 + reshapes + MORE_NODES.get(name, 0))
        if name == "convolution":
            self.kernels += 1
            self._convolved[id(outputs[0])] = args[2] is not None

    def _add(self, inputs: list[torch.Tensor], outputs: list[torch.Tensor], nodes: int) -> None:
        """Add the nodes of one operation, all but one of which make something for it alone."""
        letters = len(node_path(max(self._tracker.parents, key=len).partition(".")[2]))
        self.nodes += nodes
        self.letters += 2 * letters + 3 * letters * (nodes - 1)
        for tensor in inputs:
            if id(tensor) in self._follows_input:
                self.letters += self._letters_of[id(tensor)]
            else:
                self._bytes[tensor.data_ptr(), tensor.nbytes] = tensor.nbytes
        self._follow(outputs, letters)

    def _follow(self, outputs: list[torch.Tensor], letters: int) -> None:
        for tensor in outputs:
            self._follows_input[id(tensor)] = tensor
            self._letters_of[id(tensor)] = letters


def node_path(name: str) -> str:
    """Return how the exporter writes the name "body.0.conv" of a module: "/body/body.0/conv"."""
    path = last = ""
    for part in name.split(".") if name else ():
        last = f"{last}.{part}" if part.isdigit() else part
        path += f"/{last}"
    return path
