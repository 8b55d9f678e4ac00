"""Norms of weights that are added to the loss."""

from __future__ import annotations

from collections.abc import Iterable

import torch


def l1(weights: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the sum of the magnitudes of all weights, of any shapes; a scalar through which gradients flow."""
    return torch.stack([weight.abs().sum() for weight in weights]).sum()
