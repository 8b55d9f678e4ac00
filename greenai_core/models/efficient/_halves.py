"""The block of ShuffleNetV2, in a form that exports to few operations."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from greenai_core.models.efficient._shuffle import ChannelShuffle


class Halves(nn.Module):
    """A block of torchvision's ShuffleNetV2 whose shuffle is a layer.

    As torchvision writes it, splitting and shuffling compute with the sizes of their input. Traced, that makes two out
    of three operations of the exported file, and with their names up to a twentieth of its bytes.
    """

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.branch1: nn.Sequential = block.branch1
        self.branch2: nn.Sequential = block.branch2
        self.shuffle = ChannelShuffle(2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, C', H', W'): the two halves of the channels, interleaved.

        A block whose first branch has layers runs both branches on all channels; else the first half passes untouched.
        """
        if len(self.branch1):
            halves = self.branch1(images), self.branch2(images)
        else:
            middle = int(images.shape[1]) // 2  # a plain number, as in the shuffle
            halves = images[:, :middle], self.branch2(images[:, middle:])
        shuffled: torch.Tensor = self.shuffle(torch.cat(halves, dim=1))
        return shuffled
