"""How many of so many are removed, and which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch


def part_of(number: int, fraction: float) -> int:
    """Return floor(number * fraction) of the decimal fraction that is meant: in binary, 100 * 0.29 is less than 29."""
    return math.floor(number * Fraction(repr(fraction)))


def per_layer(scores: Sequence[torch.Tensor], sparsity: float) -> list[int]:
    """Return floor(n * sparsity) for each layer's n scores."""
    return [part_of(len(layer), sparsity) for layer in scores]


def everywhere(scores: Sequence[torch.Tensor], sparsity: float, cap: float) -> list[int]:
    """Return how many scores of each layer are among the least of all layers.

    floor(N * sparsity) of all N go, of no layer more than floor(n * cap), or as many as that allows.
    """
    limits = per_layer(scores, cap)
    within = torch.cat([lowest(layer, limit) for layer, limit in zip(scores, limits, strict=True)])
    together = torch.cat(list(scores))
    number = min(part_of(len(together), sparsity), sum(limits))
    removed = lowest(together.masked_fill(~within, math.inf), number)
    return [int(layer.sum()) for layer in removed.split([len(layer) for layer in scores])]


def lowest(scores: torch.Tensor, number: int) -> torch.Tensor:
    """Mark so many lowest scores (n,), exactly; of equal ones the first."""
    if number in (0, len(scores)):
        return torch.full_like(scores, number > 0, dtype=torch.bool)
    threshold = scores.kthvalue(number).values  # ten times as fast as sorting
    marked, equal = scores < threshold, (scores == threshold).nonzero().squeeze(1)
    marked[equal[: number - int(marked.sum())]] = True
    return marked
