"""Which channels go."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from greenai_core.techniques.structured_pruning._coupling import View


def least(scores: torch.Tensor, remove: int, views: Sequence[View], step: int) -> list[int]:
    """Return `remove` channels of least score, ascending; fewer where grouped convolutions must keep equal groups.

    After the cut, too, each channel must lie in the group in which it was, of every grouped convolution that makes or
    reads it. Of all choices for which that holds, the one whose remaining channels score highest is made.

    Args:
        scores: (n,).
        remove: how many.
        views: the grouped convolutions.
        step: the number of which only multiples can be removed.
    """
    if not views:
        return sorted(scores.topk(remove, largest=False).indices.tolist())
    channels = len(scores)
    for left in range(channels - remove // step * step, channels, step):
        fits = torch.stack([view.groups_of(channels)[:, None] == view.groups_of(left) for view in views]).all(0)
        if kept := _best_in_order(scores.double().cpu(), fits):
            return [channel for channel in range(channels) if channel not in kept]
    return []


def _best_in_order(scores: torch.Tensor, fits: torch.Tensor) -> set[int]:
    """Return the channels of highest sum that fill all places in their order; none: that is not possible.

    Args:
        scores: (n,).
        fits: whether a channel may come to a place, (n, places).
    """
    best = torch.full((fits.shape[1] + 1,), -math.inf, dtype=scores.dtype)  # of the first so many places
    best[0] = 0
    takes = []
    for score, fit in zip(scores, fits, strict=True):
        taken = torch.where(fit, best[:-1] + score, -math.inf)
        takes.append(taken > best[1:])
        best[1:] = torch.maximum(best[1:], taken)
    kept: set[int] = set()
    if best[-1] == -math.inf:
        return kept
    place = fits.shape[1]
    for channel in reversed(range(len(takes))):
        if place and takes[channel][place - 1]:
            kept.add(channel)
            place -= 1
    return kept
