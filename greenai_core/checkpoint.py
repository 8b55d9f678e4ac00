"""A candidate on disk: safetensors beside a declarative structure, rebuilt in a fresh process without pickles.

A pruned state_dict does not fit the model's constructor. The structure therefore names each layer with its kind and
the widths that its tensors imply; rebuilding constructs the model as its factory makes it, puts other layers where the
kind is another one (a linear layer that became a product of two), sets the widths, and loads the tensors.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn

from greenai_core import constraints
from greenai_core.candidate import Artifact, Candidate
from greenai_core.registry import FunctionEntry, parse

VERSION = 2
LAYER_ATTRIBUTES = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups",
    "in_features", "out_features", "num_features", "p",
)  # fmt: skip
"""What a later forward or export reads from a layer beside its tensors; `p` is the rate of a dropout."""
BUILT = ("Conv2d", "Identity", "Linear", "Sequential")
"""The kinds of layers that techniques put in the place of others."""


def pack(
    candidate: Candidate, model: FunctionEntry, input_shape: tuple[int, ...], num_classes: int
) -> tuple[bytes, bytes]:
    """Return the candidate as (tensors in safetensors format, structure as JSON)."""
    tensors = {
        f"model/{name}": value.detach().cpu().contiguous() for name, value in candidate.model.state_dict().items()
    }
    for constraint in candidate.constraints:
        tensors |= {f"{constraint.kind}/{name}": value.cpu().contiguous() for name, value in constraint.by_name.items()}
    if candidate.artifact is not None:
        tensors["artifact"] = torch.frombuffer(bytearray(candidate.artifact.content), dtype=torch.uint8)
    structure = {
        "version": VERSION,
        "model": model.model_dump(mode="json"),
        "input_shape": list(input_shape),
        "num_classes": num_classes,
        "layers": {name: _described(layer) for name, layer in candidate.model.named_modules() if name},
        "constraints": [constraint.kind for constraint in candidate.constraints],
        "artifact": candidate.artifact and candidate.artifact.format,
    }
    return save(tensors), json.dumps(structure).encode()


def unpack(tensors: bytes, structure: bytes, device: torch.device | str = "cpu") -> Candidate:
    """Rebuild the candidate that `pack` wrote, model and constraints on one device."""
    shape = json.loads(structure)
    stored = {name: value.to(device) for name, value in load(tensors).items()}
    entry = parse("models", shape["model"])
    assert isinstance(entry, FunctionEntry)
    model: nn.Module = entry(tuple(shape["input_shape"]), shape["num_classes"])
    for name, described in shape["layers"].items():  # a layer comes before those inside it
        _shape_layer(model, name, described)
    for name in model.state_dict():
        _place(model, name, stored[f"model/{name}"])
    held = tuple(constraints.of_kind(kind)(_under(stored, kind)) for kind in shape["constraints"])
    file = shape["artifact"] and Artifact(shape["artifact"], stored["artifact"].cpu().numpy().tobytes())
    return Candidate(model.eval(), held, file)


def _described(layer: nn.Module) -> dict[str, Any]:
    """Return a layer's kind and what `LAYER_ATTRIBUTES` it has."""
    attributes = {name: getattr(layer, name, None) for name in LAYER_ATTRIBUTES}
    return {
        "kind": type(layer).__name__,
        "bias": getattr(layer, "bias", None) is not None,
        **{name: value for name, value in attributes.items() if isinstance(value, int | float | str | tuple)},
    }


def _shape_layer(model: nn.Module, name: str, described: dict[str, Any]) -> None:
    """Make the layer of that name what it was: of another kind, if need be, and of the same widths."""
    kind, bias = described["kind"], described["bias"]
    attributes = {
        attribute: tuple(value) if isinstance(value, list) else value
        for attribute, value in described.items()
        if attribute not in ("kind", "bias")
    }
    owner, _, leaf = name.rpartition(".")
    parent = model.get_submodule(owner)
    there = getattr(parent, leaf, None)
    if kind in BUILT and type(there).__name__ != kind:
        options = {"bias": bias, **attributes} if kind in ("Conv2d", "Linear") else {}
        setattr(parent, leaf, getattr(nn, kind)(**options))
    for attribute, value in attributes.items():
        setattr(model.get_submodule(name), attribute, value)


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
