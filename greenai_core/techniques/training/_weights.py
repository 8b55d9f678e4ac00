"""Weights that come from elsewhere: files of them, and how they are put into a network."""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from greenai_core.errors import BadInput

if TYPE_CHECKING:
    import torch
    from torch import nn


def confined(root: Path, path: str) -> Path:
    """Return the file; it must lie below `root`, links followed, so that a spec cannot read the whole disk.

    Raises:
        BadInput: it does not, or there is none.
    """
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()):
        raise BadInput(f"recipe: transfer.weights: {path!r} is outside GREENAI_DATA_DIR; give a file below it.")
    if not file.is_file():
        raise BadInput(f"recipe: transfer.weights: there is no file {path!r} in GREENAI_DATA_DIR.")
    return file


def read(file: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file of weights by name: of safetensors, or of torch where nothing else is in it.

    Raises:
        BadInput: it is something else.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        found = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError):
        found = None
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise BadInput(
            f"recipe: transfer.weights: {file.name} is no file of weights; give a .safetensors file, or a .pth file "
            "that holds a state_dict and nothing else."
        )
    return dict(found)


def digest(file: Path) -> str:
    """Return the hash of a file's content; read again only when the file has changed."""
    status = file.stat()
    return _digest(file, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _digest(file: Path, _changed_ns: int, _size: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def started(model: nn.Module, given: Mapping[str, torch.Tensor]) -> tuple[nn.Module, float]:
    """Return a copy of `model` with the weights that `given` has for it, and which share of its weights those are.

    A tensor is taken where name and shape agree. The kernels of a first convolution on colour images are summed over
    the channels for a network on grey ones: an image with three equal channels gives the same.
    """
    import torch

    model = copy.deepcopy(model)
    grey = _grey_convolution(model)
    offered = {
        name: value.sum(1, keepdim=True) if name == grey and _on_colour(value) else value
        for name, value in given.items()
    }
    own = model.state_dict()
    taken = {name for name, value in own.items() if name in offered and offered[name].shape == value.shape}
    with torch.no_grad():
        for name in taken:
            own[name].copy_(offered[name])
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    return model, sum(size for name, size in sizes.items() if name in taken) / sum(sizes.values())


def _grey_convolution(model: nn.Module) -> str | None:
    """Return the name of the kernels of the first convolution, if that is on grey images."""
    from torch import nn

    convolutions = ((name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d))
    name, layer = next(convolutions, (None, None))
    return f"{name}.weight" if layer is not None and layer.in_channels == 1 else None


def _on_colour(kernels: torch.Tensor) -> bool:
    return kernels.dim() == 4 and kernels.shape[1] == 3
