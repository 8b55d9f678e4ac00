"""What the recurrent classifiers share: an image is read from top to bottom, one row at a time."""

from __future__ import annotations

import torch
from torch import nn


class RowClassifier(nn.Module):
    """Reads the rows of an image, its channels side by side, and classifies the state after the last one."""

    def __init__(self, recurrent: nn.RNNBase, num_classes: int) -> None:
        """Take a layer, or a stack of them, that reads (N, H, C * W) with the batch first."""
        super().__init__()
        self.recurrent = recurrent
        self.fc = nn.Linear(recurrent.hidden_size, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K) of images (N, C, H, W)."""
        # Plain numbers: traced ones would be written into the exported file as operations of their own.
        channels, height, width = (int(side) for side in images.shape[1:])
        states, _ = self.recurrent(images.transpose(1, 2).reshape(-1, height, channels * width))
        logits: torch.Tensor = self.fc(states[:, -1])
        return logits
