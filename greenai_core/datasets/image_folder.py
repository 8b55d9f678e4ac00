"""A person's own images."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from greenai_core.datasets._base import Split, Splits, hold_out
from greenai_core.errors import BadInput

__all__ = ["image_folder"]

CHANGEABLE = True

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
PIL_MODES = {"grey": "L", "colour": "RGB"}


def image_folder(
    root: Path,
    *,
    path: Annotated[
        str,
        Field(
            min_length=1,
            title="Folder",
            description="folder below GREENAI_DATA_DIR that holds one sub-folder per class",
        ),
    ],
    size: Annotated[
        int, Field(ge=8, le=224, title="Side", description="images are resized to this many pixels a side")
    ] = 32,
    colour: Annotated[Literal["colour", "grey"], Field(title="Colour", description="three channels or one")] = "colour",
) -> Splits:
    """Image folder: your own images, in one sub-folder per class.

    A fifth each is held out for validation and for test, every class in proportion, always the same for the same files.

    Family: own images
    Source: folder layout of torchvision.datasets.ImageFolder, https://docs.pytorch.org/vision/stable/datasets.html
    """
    folder = _confined(root, path)
    classes = sorted(child.name for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    if len(classes) < 2:
        raise BadInput(f"dataset.path: {path} has {len(classes)} class sub-folders; at least two are needed.")
    images, labels = [], []
    for label, name in enumerate(classes):
        files = sorted(f for f in (folder / name).rglob("*") if f.suffix.lower() in SUFFIXES)
        if not files:
            raise BadInput(f"dataset.path: the class folder {path}/{name} holds no image; add some or remove it.")
        images += [_read(file, folder, size, PIL_MODES[colour]) for file in files]
        labels += [label] * len(files)
    whole = Split(np.stack(images), np.asarray(labels, dtype=np.int64))
    rest, test = hold_out(whole, 0.2)
    train, val = hold_out(rest, 0.25)
    return Splits(train, val, test, tuple(classes))


def _confined(root: Path, path: str) -> Path:
    """Return the folder; it must lie below `root`, links followed, so that a spec cannot read the whole disk."""
    folder = (root / path).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise BadInput(f"dataset.path: {path!r} is outside GREENAI_DATA_DIR; give a folder below it.")
    if not folder.is_dir():
        raise BadInput(f"dataset.path: there is no folder {path!r} in GREENAI_DATA_DIR.")
    return folder


def _read(file: Path, folder: Path, size: int, mode: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert(mode).resize((size, size), Image.Resampling.BILINEAR))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise BadInput(
            f"dataset.path: {file.relative_to(folder)} cannot be read as an image; mend or remove it."
        ) from None
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
