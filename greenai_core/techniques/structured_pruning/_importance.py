"""What channels are worth."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from greenai_core.context import Images
from greenai_core.techniques.structured_pruning._coupling import Coupled, Maker
from greenai_core.techniques.structured_pruning._cutting import Importance
from greenai_core.techniques.structured_pruning._taking import is_depthwise

BATCH_SIZE = 32
"""Images per gradient of `taylor`."""


def first_l1(group: Coupled) -> torch.Tensor:
    """Return the L1 norm of what makes each channel in the first layer that has more than one filter per channel.

    Behind a depthwise convolution that is its batch normalisation, whose scale has a norm, too.
    """
    first = next(maker for maker in group.makers if not is_depthwise(maker.layer))
    return _summed(group, [first], lambda maker: _rows(maker.layer.weight.detach()).abs().sum(1))


def joint_l2(group: Coupled) -> torch.Tensor:
    """Return the L2 norm of each channel's filters in all convolutions that make it, taken as one."""
    convolutions = [maker for maker in group.makers if isinstance(maker.layer, nn.Conv2d)]
    return _summed(group, convolutions, lambda maker: _rows(maker.layer.weight.detach()).square().sum(1)).sqrt()


def mean_scale(group: Coupled) -> torch.Tensor | None:
    """Return the mean size of each channel's scales in batch normalisation; None: nothing normalises the channels."""
    norms = [maker for maker in group.makers if isinstance(maker.layer, nn.BatchNorm2d)]
    return _summed(group, norms, lambda maker: maker.layer.weight.detach().abs()) / len(norms) if norms else None


def relative(importance: Callable[[Coupled], torch.Tensor]) -> Importance:
    """Divide the scores by their mean among coupled channels: the norms of large and of small filters can then meet."""

    def scores(group: Coupled) -> torch.Tensor:
        absolute = importance(group)
        return absolute / absolute.mean().clamp_min(torch.finfo(absolute.dtype).tiny)

    return scores


def taylor(model: nn.Module, images: Images) -> Importance:
    """Return the squared change of the loss, to first order, if a channel were zero; the mean over batches.

    A factor of one is thought behind each batch normalisation, or behind a convolution that nothing normalises. The
    derivative by it is the change; where several make a channel, the sum of theirs.

    Args:
        model: trained; left as it is.
        images: from which the loss is computed, in evaluation mode.

    Source: Molchanov, Mallya, Tyree, Frosio, Kautz 2019, https://arxiv.org/abs/1906.10771
    """
    differentiated = copy.deepcopy(model).eval().requires_grad_(True)
    changes: dict[str, list[torch.Tensor]] = {}
    with torch.enable_grad():
        for some, labels in zip(images.images.split(BATCH_SIZE), images.labels.split(BATCH_SIZE), strict=True):
            differentiated.zero_grad()
            F.cross_entropy(differentiated(some), labels).backward()
            for name, layer in differentiated.named_modules():
                if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
                    changes.setdefault(name, []).append(_derivative(layer))

    def scores(group: Coupled) -> torch.Tensor:
        norms = [maker for maker in group.makers if isinstance(maker.layer, nn.BatchNorm2d)]
        return _summed(group, norms or group.makers, lambda maker: torch.stack(changes[maker.name], 1)).square().mean(1)

    return scores


def _derivative(layer: nn.Conv2d | nn.BatchNorm2d) -> torch.Tensor:
    """Return the derivative of the loss by a factor behind each output channel of a layer."""
    parameters = [parameter for parameter in (layer.weight, layer.bias) if parameter is not None]
    products = [parameter.detach() * parameter.grad for parameter in parameters if parameter.grad is not None]
    return torch.stack([_rows(product).sum(1) for product in products]).sum(0)


def _rows(values: torch.Tensor) -> torch.Tensor:
    """Return values by output channel as (n, K)."""
    return values.reshape(len(values), -1)


def _summed(
    group: Coupled, makers: list[Maker] | tuple[Maker, ...], of_layer: Callable[[Maker], torch.Tensor]
) -> torch.Tensor:
    """Add up what each maker's own channels (K, ...) are worth, by coupled channel (n, ...)."""
    worth = [(maker, of_layer(maker)) for maker in makers]
    total = worth[0][1].new_zeros(group.channels, *worth[0][1].shape[1:])
    for maker, values in worth:
        total.index_add_(0, maker.channels.to(values.device), values[maker.positions.to(values.device)])
    return total
