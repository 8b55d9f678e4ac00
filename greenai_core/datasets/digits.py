"""Handwritten digits that come with scikit-learn: nothing to download."""

from pathlib import Path

import numpy as np

from greenai_core.datasets._base import Split, Splits, hold_out

__all__ = ["digits"]

SIDE = 28
BUNDLED = "sklearn/datasets/data/digits.csv.gz"


def digits(root: Path) -> Splits:
    """Digits: 1,797 grey images of handwritten digits, resized from 8x8 to 28x28; embedded, no network.

    A fifth each is held out for validation and for test, every class in proportion.

    Family: embedded
    Source: Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49, as bundled with scikit-learn
    """
    from importlib.metadata import distribution

    from PIL import Image

    # Read from the installed file: importing scikit-learn takes longer than a small run takes to train.
    table = np.loadtxt(str(distribution("scikit-learn").locate_file(BUNDLED)), delimiter=",")
    grey = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for image in grey]
    )
    whole = Split(images[:, None], table[:, -1].astype(np.int64))
    rest, test = hold_out(whole, 0.2)
    train, val = hold_out(rest, 0.25)
    return Splits(train, val, test, tuple(str(digit) for digit in range(10)))
