"""Fashion-MNIST."""

from pathlib import Path

from greenai_core.datasets._base import Splits
from greenai_core.datasets._torchvision import GREY_28, load

__all__ = ["fashion_mnist"]

OUTLINE = GREY_28


def fashion_mnist(root: Path) -> Splits:
    """Fashion-MNIST: 70,000 grey 28x28 images of ten kinds of clothing; 10,000 of them for test.

    5,000 of the official training images are held out for validation.

    Family: grey 28x28
    Source: Xiao, Rasul, Vollgraf 2017, https://arxiv.org/abs/1708.07747
    """
    return load("FashionMNIST", root, place="the four official idx files in FashionMNIST/raw")
