"""MNIST."""

from pathlib import Path

from greenai_core.datasets._base import Splits
from greenai_core.datasets._torchvision import GREY_28, load

__all__ = ["mnist"]

OUTLINE = GREY_28


def mnist(root: Path) -> Splits:
    """MNIST: 70,000 grey 28x28 images of handwritten digits; 10,000 of them for test.

    5,000 of the official training images are held out for validation.

    Family: grey 28x28
    Source: LeCun, Bottou, Bengio, Haffner 1998, https://doi.org/10.1109/5.726791
    """
    return load("MNIST", root, place="the four official idx files in MNIST/raw")
