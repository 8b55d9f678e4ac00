"""Blocks that a network can do without: what they return has the shape of what they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import nn

BATCH_SIZE = 64
"""Images at a time."""

Compare = Callable[[torch.Tensor, torch.Tensor], float]
"""Of what goes into a block and what comes out of it."""


def removable(model: nn.Module, image: torch.Tensor) -> list[str]:
    """Return the names of the blocks whose output has the shape of their input, in the order of the network.

    A block is what stands in the network's sequences of layers: a residual block, a convolution with its normalisation
    and activation, a single layer. What has no convolution or linear layer is none, and neither is the block that
    gives the logits.

    Args:
        model: in evaluation mode.
        image: one input (1, C, H, W).
    """
    names = [name for name, block in _standing(model) if _weighs(block)][:-1]
    same = _compared(model, names, image, lambda before, after: float(before.shape == after.shape))
    return [name for name in names if same[name] == 1]


def influence(model: nn.Module, names: Sequence[str], images: torch.Tensor) -> dict[str, float]:
    """Return for each block 1 - the cosine similarity of what goes in and what comes out, the mean over images.

    Args:
        model: in evaluation mode.
        names: of blocks that keep the shape.
        images: (N, C, H, W).

    Source: Men et al. 2024, section 3.1, https://arxiv.org/abs/2403.03853
    """

    def change(before: torch.Tensor, after: torch.Tensor) -> float:
        return float((1 - F.cosine_similarity(before.flatten(1), after.flatten(1))).mean())

    return _compared(model, names, images, change)


@torch.no_grad()
def _compared(model: nn.Module, names: Sequence[str], images: torch.Tensor, compare: Compare) -> dict[str, float]:
    """Return the mean over images of a comparison by block; 0 for a block that does not take and return one tensor."""
    totals: defaultdict[str, float] = defaultdict(float)

    def watch(name: str) -> Callable[[nn.Module, tuple[object, ...], object], None]:
        def look(block: nn.Module, inputs: tuple[object, ...], after: object) -> None:
            match inputs:
                case (torch.Tensor() as before,) if isinstance(after, torch.Tensor):
                    totals[name] += compare(before, after) * len(before) / len(images)

        return look

    hooks = [model.get_submodule(name).register_forward_hook(watch(name)) for name in names]
    for some in images.split(BATCH_SIZE):
        model(some)
    for hook in hooks:
        hook.remove()
    return totals


def _standing(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield what stands in sequences: of a sequence that holds more than plain layers, what stands in it."""
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential) and any(list(inner.children()) for inner in child.children()):
            yield from _standing(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _weighs(block: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d | nn.Linear) for layer in block.modules())
