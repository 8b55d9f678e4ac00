"""A candidate on disk: safetensors beside a declarative structure, rebuilt in a fresh process without pickles.

A pruned state_dict does not fit the model's constructor. The structure therefore names, for each layer, the widths
that its tensors imply; rebuilding constructs the model as its factory makes it, sets these, and loads the tensors.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from greenai_core.candidate import CONSTRAINTS, Candidate
from greenai_core.registry import FunctionEntry, parse

VERSION = 1
LAYER_ATTRIBUTES = (
    "in_channels", "out_channels", "groups", "in_features", "out_features", "num_features", "p"
)  # fmt: skip
"""What a later forward or export reads from a layer beside its tensors; `p` is the rate of a dropout."""


def pack(
    candidate: Candidate, model: FunctionEntry, input_shape: tuple[int, ...], num_classes: int
) -> tuple[bytes, bytes]:
    """Return the candidate as (tensors in safetensors format, structure as JSON)."""
    tensors = {
        f"model/{name}": value.detach().cpu().contiguous() for name, value in candidate.model.state_dict().items()
    }
    for constraint in candidate.constraints:
        tensors |= {
            f"{constraint.kind}/{name}": value.cpu().contiguous() for name, value in constraint.tensors().items()
        }
    structure = {
        "version": VERSION,
        "model": model.model_dump(mode="json"),
        "input_shape": list(input_shape),
        "num_classes": num_classes,
        "layers": {
            name: attributes for name, layer in candidate.model.named_modules() if (attributes := _attributes(layer))
        },
        "constraints": [constraint.kind for constraint in candidate.constraints],
    }
    return save(tensors), json.dumps(structure).encode()


def unpack(tensors: bytes, structure: bytes, device: torch.device | str = "cpu") -> Candidate:
    """Rebuild the candidate that `pack` wrote, model and constraints on one device."""
    shape = json.loads(structure)
    stored = {name: value.to(device) for name, value in load(tensors).items()}
    entry = parse("models", shape["model"])
    assert isinstance(entry, FunctionEntry)
    model: nn.Module = entry(tuple(shape["input_shape"]), shape["num_classes"])
    for name, attributes in shape["layers"].items():
        layer = model.get_submodule(name)
        for attribute, value in attributes.items():
            setattr(layer, attribute, value)
    for name in model.state_dict():
        _place(model, name, stored[f"model/{name}"])
    constraints = tuple(CONSTRAINTS[kind](_under(stored, kind)) for kind in shape["constraints"])
    return Candidate(model.eval(), constraints)


def _attributes(layer: nn.Module) -> dict[str, Any]:
    return {a: v for a in LAYER_ATTRIBUTES if isinstance(v := getattr(layer, a, None), int | float)}


def _under(stored: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(f"{prefix}/"): value for name, value in stored.items() if name.startswith(f"{prefix}/")}


def _place(model: nn.Module, name: str, value: torch.Tensor) -> None:
    """Put a tensor where the model has one, whatever shape the factory gave that one."""
    owner, _, leaf = name.rpartition(".")
    layer = model.get_submodule(owner)
    if leaf in layer._parameters:
        layer.register_parameter(leaf, nn.Parameter(value))
    else:
        layer.register_buffer(leaf, value)
