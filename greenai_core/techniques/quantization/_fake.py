"""Fake quantization: a network computes in floating point with the values that int8 can hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

AVERAGING = 0.05
"""Weight of the last batch in the range of an activation: it follows about the last twenty batches."""

LEAST_RANGE = 1e-6


class FakeInput(nn.Module):
    """Rounds the input of a layer to the 256 steps of its range, a moving average over the batches that train."""

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        for end in ("low", "high"):
            self.register_buffer(end, torch.tensor(float("nan"), device=device))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the rounded values; gradients pass where they lie in the range."""
        values = values.float()
        if self.training:
            self._follow(values.detach())
        scale = ((self.high - self.low) / 255).clamp_min(LEAST_RANGE)
        zero_point = (-self.low / scale).round().clamp(0, 255).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)

    def _follow(self, values: torch.Tensor) -> None:
        low, high = torch.aminmax(values)
        for end, seen in ((self.low, low.clamp_max(0)), (self.high, high.clamp_min(0))):
            end.copy_(torch.where(end.isnan(), seen, end + AVERAGING * (seen - end)))


def fake_weight(weight: torch.Tensor) -> torch.Tensor:
    """Round weights (O, ...) to 255 steps, zero in the middle, of a range of its own for each of the O channels.

    A positive or negative factor per channel changes nothing: rounding comes to the same before and after batch
    normalisation is taken into the weights.
    """
    scale = (weight.detach().flatten(1).abs().amax(1) / 127).clamp_min(LEAST_RANGE / 127)
    zero_points = torch.zeros(len(scale), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero_points, 0, -127, 127)


@contextmanager
def fake_quantization(model: nn.Module, *, freeze_after: int) -> Iterator[None]:
    """Compute the products of `model` with what int8 holds of inputs and weights; nothing stays when it closes.

    The weights keep their names, values and constraints: what is rounded is a copy in each forward pass. Dropout before
    a layer stretches its input and the range of it alike, so that the steps are those of evaluation.

    Args:
        model: any network; its convolutions and linear layers are changed while the context is open.
        freeze_after: batch normalisation uses the statistics of the batch for so many steps of training, and from then
            on those that it has collected, as the deployed file does.
    """
    products = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    freezing = [norm.register_forward_pre_hook(partial(_freeze, _steps(norm) + freeze_after)) for norm in norms]
    for layer in products:
        layer.fake_input = FakeInput(layer.weight.device)
        layer.forward = partial(_forward, layer)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for hook in freezing:
            hook.remove()
        for layer in products:
            del layer.fake_input
            del layer.forward


def _forward(layer: nn.Conv2d | nn.Linear, values: torch.Tensor) -> torch.Tensor:
    rounded, weight = layer.get_submodule("fake_input")(values), fake_weight(layer.weight)
    if isinstance(layer, nn.Linear):
        return F.linear(rounded, weight, layer.bias)
    return layer._conv_forward(rounded, weight, layer.bias)


def _steps(norm: nn.BatchNorm2d) -> int:
    """Return the steps that batch normalisation has counted; being a buffer, the number outlives an interruption."""
    return 0 if norm.num_batches_tracked is None else int(norm.num_batches_tracked)


def _freeze(last: int, norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...]) -> None:
    if norm.training and _steps(norm) >= last:
        norm.eval()
