"""What makes the training loop fast on a processor, without changing what is computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The numbers of each precision."""


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Compute products in 16 bits within, if that is the precision."""
    kind = KINDS[precision]
    return torch.autocast(device.type, kind, enabled=kind.itemsize < 4)


def scaler(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """Return what scales the loss: half precision rounds small gradients to zero, other precisions need no scaling.

    Source: Micikevicius et al. 2018, section 3.2, https://arxiv.org/abs/1710.03740
    """
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")


def resolve_precision(precision: str, device: torch.device, model: nn.Module) -> str:
    """Return "bf16" or "fp32" for "auto": bfloat16 where the hardware computes in it and the network gains by it.

    On linear layers alone the casts cost more than the products save. Grouped convolutions (MobileNet's depthwise
    ones) have no fast bfloat16 kernel on processors: there it takes several times as long as fp32.
    """
    if precision != "auto":
        return precision
    groups = [layer.groups for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    pays = bool(groups) and (device.type != "cpu" or max(groups) == 1)
    return "bf16" if pays and computes_bf16(device) else "fp32"


def computes_bf16(device: torch.device) -> bool:
    """Tell whether the device has instructions for bfloat16 products, rather than emulating them."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def laid_out(model: nn.Module) -> nn.Module:
    """Return the model with the layout in which its convolutions are fast."""
    if not has_convolutions(model):
        return model
    moved: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def forward(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return what a network that is not trained says of images (N, C, H, W), as float32 (N, K).

    It computes in the precision that pays for it, see `resolve_precision`.
    """
    with autocast(resolve_precision("auto", images.device, model), images.device):
        logits: torch.Tensor = model(images.float())
    return logits.float()


ALONE_BELOW = 250e6
"""Multiply-accumulates of a step's forward pass; from here on a second thread pays, see `threads_for`."""


@contextmanager
def threads_for(macs: float | None, images: int) -> Iterator[None]:
    """Use one thread for small steps, whatever number is set; every one of them otherwise.

    The products of a small step are so short that waking a second thread takes longer than the whole of them: on two
    cores and with one thread, resnet20 on 8x8 digits (162 million multiply-accumulates a step) takes 0.53 of the time
    and 0.52 of the CPU-seconds, plain_cnn of 11 channels on 28x28 images (224 million) 0.87 and 0.60, of 16 channels
    (470 million) 1.10 and 0.77 (`python -m benchmarks.threads`).

    Args:
        macs: multiply-accumulates of the forward pass of one image; None where nobody knows: then all threads.
        images: so many are in a step.
    """
    given = torch.get_num_threads()
    small = macs is not None and macs * images < ALONE_BELOW
    torch.set_num_threads(1 if small else given)
    try:
        yield
    finally:
        torch.set_num_threads(given)


def has_convolutions(model: nn.Module) -> bool:
    """Tell whether any layer is a 2-D convolution."""
    return any(isinstance(module, nn.Conv2d) for module in model.modules())


@contextmanager
def lean(model: nn.Module) -> Iterator[None]:
    """Make two slow places of a channels-last network fast while it trains; nothing stays on the model afterwards.

    Dropout draws its mask 16 bits at a time (torch draws a float for each element: a seventh of a step of the MNIST
    example). The gradient that comes back through a flatten is put into the layout of the layer below at once (max
    pooling's own conversion takes ten times as long).
    """
    dropouts = [module for module in model.modules() if type(module) is nn.Dropout]
    flattens = [module for module in model.modules() if isinstance(module, nn.Flatten)]
    hooks = [module.register_forward_pre_hook(_keep_channels_last) for module in flattens]
    for module in dropouts:
        module.forward = partial(_dropout, module)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for module in dropouts:
            del module.forward


def _dropout(module: nn.Dropout, values: torch.Tensor) -> torch.Tensor:
    """Do what `nn.Dropout` does; the rate is rounded to 1/65536, and the scale follows the rounded rate."""
    if not module.training or not 0 < module.p < 1 or values.device.type != "cpu":
        return nn.functional.dropout(values, module.p, module.training)
    count = values.numel()
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]
    dropped = round(module.p * 2**16)
    kept = bits.as_strided(values.shape, values.stride()) >= dropped - 2**15
    return values * kept.to(values.dtype).mul_(2**16 / (2**16 - dropped))


def _keep_channels_last(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
    (values,) = inputs
    if values.requires_grad and values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last):
        values.register_hook(lambda gradient: gradient.contiguous(memory_format=torch.channels_last))
