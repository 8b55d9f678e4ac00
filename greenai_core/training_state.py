"""Where a training stands between two epochs: all that the rest of it depends on, as named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW remembers of each parameter."""


@dataclass(frozen=True)
class State:
    """A training after so many epochs.

    Attributes:
        epoch: that was done last, counted from 1.
        epochs: of the whole training.
        step: optimizer steps until here.
        loss: of the last batch.
        tensors: "model/NAME"; "step/NAME", "exp_avg/NAME" and "exp_avg_sq/NAME" of each parameter that has moved, until
            the last epoch is done; "random/NAME", the state of each generator.
    """

    epoch: int
    epochs: int
    step: int
    loss: float
    tensors: Mapping[str, torch.Tensor]


class Resumable(Protocol):
    """Where the states of one training are kept."""

    def load(self, fits: Callable[[State], bool]) -> State | None:
        """Return the last state that was kept; None where there is none, or where it does not fit."""
        ...

    def due(self, last: bool) -> bool:
        """Tell whether a state should be saved now; asked after each epoch, `last` after the last one."""
        ...

    def save(self, state: State) -> None:
        """Keep a state; its tensors are those that training goes on with, and must not be kept without a copy."""
        ...


def capture(model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return the tensors of a `State`, those of model and optimizer without copying them."""
    found = {f"model/{name}": value.detach() for name, value in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        found |= {f"{moment}/{name}": value for moment, value in optimizer.state.get(parameter, {}).items()}
    return found | _random(model, generator)


def without_moments(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave out what only the optimizer needs: of a training that is over."""
    return {name: value for name, value in tensors.items() if name.partition("/")[0] not in MOMENTS}


def fits(state: State, model: nn.Module, generator: torch.Generator, *, epochs: int, steps_per_epoch: int) -> bool:
    """Tell whether a state is one of a training of this model over so many epochs."""
    if not 0 < state.epoch <= epochs or (state.epochs, state.step) != (epochs, state.epoch * steps_per_epoch):
        return False
    wanted = {f"model/{name}": value for name, value in model.state_dict().items()} | _random(model, generator)
    for name, parameter in model.named_parameters():
        if f"exp_avg/{name}" in state.tensors:
            wanted |= {f"exp_avg/{name}": parameter, f"exp_avg_sq/{name}": parameter, f"step/{name}": torch.zeros(())}
    return _outline(wanted) == _outline(state.tensors)


@torch.no_grad()
def restore(state: State, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator) -> None:
    """Put everything back where it was; tensors keep the layout that the model has given them."""
    for name, value in model.state_dict().items():
        value.copy_(state.tensors[f"model/{name}"])
    for name, parameter in model.named_parameters():
        if f"exp_avg/{name}" in state.tensors:
            optimizer.state[parameter] = {
                "step": state.tensors[f"step/{name}"].to(parameter.device, copy=True),
                "exp_avg": torch.empty_like(parameter).copy_(state.tensors[f"exp_avg/{name}"]),
                "exp_avg_sq": torch.empty_like(parameter).copy_(state.tensors[f"exp_avg_sq/{name}"]),
            }
    generator.set_state(state.tensors["random/shuffle"].cpu())
    torch.set_rng_state(state.tensors["random/cpu"].cpu())
    device = _device(model)
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state.tensors["random/device"].cpu())


def _random(model: nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return the state of each source of random numbers: shuffling and augmentation, dropout, dropout on a device."""
    states = {"random/shuffle": generator.get_state(), "random/cpu": torch.get_rng_state()}
    device = _device(model)
    if device.type != "cpu":
        states["random/device"] = torch.get_device_module(device).get_rng_state()
    return states


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _outline(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in tensors.items()}
