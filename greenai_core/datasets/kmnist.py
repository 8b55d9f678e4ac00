"""Kuzushiji-MNIST."""

from pathlib import Path

from greenai_core.datasets._base import Splits
from greenai_core.datasets._torchvision import GREY_28, load

__all__ = ["kmnist"]

OUTLINE = GREY_28


def kmnist(root: Path) -> Splits:
    """Kuzushiji-MNIST: 70,000 grey 28x28 images of cursive Japanese characters; 10,000 of them for test.

    5,000 of the official training images are held out for validation.

    Family: grey 28x28
    Source: Clanuwat et al. 2018, https://arxiv.org/abs/1812.01718
    """
    return load("KMNIST", root, place="the four official idx files in KMNIST/raw")
