"""CIFAR-10."""

from pathlib import Path

from greenai_core.datasets._base import Outline, Splits
from greenai_core.datasets._torchvision import VALIDATION_IMAGES, load

__all__ = ["cifar10"]

OUTLINE = Outline((3, 32, 32), 10, 50_000 - VALIDATION_IMAGES)


def cifar10(root: Path) -> Splits:
    """CIFAR-10: 60,000 colour 32x32 photographs of ten kinds of things; 10,000 of them for test.

    5,000 of the official training images are held out for validation.

    Family: colour 32x32
    Source: Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf
    """
    return load("CIFAR10", root, place="cifar-10-python.tar.gz, unpacked to the folder cifar-10-batches-py,")
