"""The loop of the tutorials, which others' figures were made with.

A torchvision data set with ToTensor, DataLoader(batch_size=64, shuffle=True), fp32, Adam.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from greenai_core.datasets._base import Splits
from greenai_core.registry import parse
from greenai_core.settings import settings
from greenai_core.torchvision_import import import_torchvision

BATCH = 64
LR = 1e-3
"""The default of torch.optim.Adam."""

QUICK_IMAGES = 6_400


def train(model: nn.Module, images: Dataset[Any], epochs: int) -> nn.Module:
    """Train as the tutorials do."""
    loader = DataLoader(images, batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    model.train()
    for _ in range(epochs):
        for batch, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(batch), labels).backward()
            optimizer.step()
    return model


def torchvision_data(splits: Splits) -> Dataset[Any]:
    """Return torchvision's Fashion-MNIST reduced to the images that we train on."""
    import_torchvision()
    from torchvision.datasets import FashionMNIST
    from torchvision.transforms import ToTensor

    images = FashionMNIST(settings().data_dir, train=True, transform=ToTensor())
    images.data, images.targets = torch.from_numpy(splits.train.images[:, 0]), torch.from_numpy(splits.train.labels)
    return images


def fashion_mnist(quick: bool = False) -> Splits:
    """Return the data set, or its beginning."""
    entry: Any = parse("datasets", {"name": "fashion_mnist"})
    splits: Splits = entry(settings().data_dir)
    if not quick:
        return splits
    return replace(
        splits,
        train=replace(
            splits.train, images=splits.train.images[:QUICK_IMAGES], labels=splits.train.labels[:QUICK_IMAGES]
        ),
    )
