"""Where a training stands between two epochs: all that the rest of it depends on, as named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn
from torch.amp import GradScaler

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW remembers of each parameter."""


@dataclass(frozen=True)
class Best:
    """The epoch of best validation accuracy until now, where that is what a training is to end with.

    Attributes:
        epoch: counted from 1; 0 before the first one is done.
        accuracy: on validation, in [0, 1]; negative before the first epoch is done.
        weights: a copy of the model's state after that epoch.
    """

    epoch: int = 0
    accuracy: float = -1.0
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def or_now(self, model: nn.Module, epoch: int, accuracy: float) -> Best:
        """Return the better one of this and the epoch that was done just now; the earlier one where they are equal."""
        if accuracy <= self.accuracy:
            return self
        return Best(epoch, accuracy, {name: value.detach().clone() for name, value in model.state_dict().items()})

    def given_up(self, epoch: int, patience: int) -> bool:
        """Tell whether `patience` epochs have passed without a better one; 0: that is never asked."""
        return 0 < patience <= epoch - self.epoch

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return "best/NAME", and the numbers, as tensors of a `State`; nothing before the first epoch is done."""
        if not self.epoch:
            return {}
        numbers = {"best_epoch": torch.tensor(self.epoch), "best_accuracy": torch.tensor(self.accuracy).double()}
        return numbers | {f"best/{name}": value for name, value in self.weights.items()}


@dataclass(frozen=True)
class State:
    """A training after so many epochs.

    Attributes:
        epoch: that was done last, counted from 1.
        epochs: of the whole training.
        step: optimizer steps until here.
        loss: of the last batch.
        tensors: "model/NAME"; "step/NAME", "exp_avg/NAME" and "exp_avg_sq/NAME" of each parameter that has moved, until
            the last epoch is done; "random/NAME", the state of each generator; "scaler/NAME", where the loss is scaled;
            those of `Best`, where its weights are what the training ends with.
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


@dataclass(frozen=True)
class Training:
    """What a state is the state of; all of it is changed while the training runs.

    Attributes:
        model: the copy that trains.
        optimizer: AdamW over its parameters.
        generator: of shuffling and augmentation.
        scaler: of the loss, enabled where its gradients would be too small for the precision.
        keeps_best: whether the weights of the best epoch are kept.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    scaler: GradScaler
    keeps_best: bool = False


def capture(training: Training, best: Best) -> dict[str, torch.Tensor]:
    """Return the tensors of a `State`, those of model and optimizer without copying them."""
    found = {f"model/{name}": value.detach() for name, value in training.model.state_dict().items()}
    for name, parameter in training.model.named_parameters():
        moments = training.optimizer.state.get(parameter, {})
        found |= {f"{moment}/{name}": value for moment, value in moments.items()}
    return found | _random(training) | _scale(training.scaler) | best.tensors()


def without_moments(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave out what only the optimizer needs: of a training that is over."""
    return {name: value for name, value in tensors.items() if name.partition("/")[0] not in MOMENTS}


def fits(state: State, training: Training, *, epochs: int, steps_per_epoch: int) -> bool:
    """Tell whether a state is one of this training over so many epochs."""
    if not 0 < state.epoch <= epochs or (state.epochs, state.step) != (epochs, state.epoch * steps_per_epoch):
        return False
    weights = training.model.state_dict()
    wanted = {f"model/{name}": value for name, value in weights.items()} | _random(training) | _scale(training.scaler)
    if training.keeps_best:
        wanted |= Best(1, 0.0, weights).tensors()
    for name, parameter in training.model.named_parameters():
        if f"exp_avg/{name}" in state.tensors:
            wanted |= {f"exp_avg/{name}": parameter, f"exp_avg_sq/{name}": parameter, f"step/{name}": torch.zeros(())}
    return _outline(wanted) == _outline(state.tensors)


@torch.no_grad()
def restore(state: State, training: Training) -> Best:
    """Put everything back where it was, and return the best epoch; tensors keep the layout of the model's."""
    model, stored = training.model, state.tensors
    put(model, _under("model", stored))
    for name, parameter in model.named_parameters():
        if f"exp_avg/{name}" in stored:
            training.optimizer.state[parameter] = {
                "step": stored[f"step/{name}"].to(parameter.device, copy=True),
                "exp_avg": torch.empty_like(parameter).copy_(stored[f"exp_avg/{name}"]),
                "exp_avg_sq": torch.empty_like(parameter).copy_(stored[f"exp_avg_sq/{name}"]),
            }
    training.generator.set_state(stored["random/shuffle"].cpu())
    torch.set_rng_state(stored["random/cpu"].cpu())
    device = _device(model)
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(stored["random/device"].cpu())
    if scale := _under("scaler", stored):
        numbers = {"scale": float(scale["scale"]), "_growth_tracker": int(scale["growth"])}
        training.scaler.load_state_dict({**training.scaler.state_dict(), **numbers})
    if not training.keeps_best:
        return Best()
    return Best(int(stored["best_epoch"]), float(stored["best_accuracy"]), _under("best", stored))


@torch.no_grad()
def put(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Copy weights into a model, whose tensors keep their layout and device."""
    for name, value in model.state_dict().items():
        value.copy_(weights[name])


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    start = f"{prefix}/"
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _scale(scaler: GradScaler) -> dict[str, torch.Tensor]:
    """Return what a scaler has learnt; nothing of one that is not enabled."""
    known = scaler.state_dict()
    if not known:
        return {}
    return {
        "scaler/scale": torch.tensor(known["scale"], dtype=torch.float64),
        "scaler/growth": torch.tensor(known["_growth_tracker"]),
    }


def _random(training: Training) -> dict[str, torch.Tensor]:
    """Return the state of each source of random numbers: shuffling and augmentation, dropout, dropout on a device."""
    states = {"random/shuffle": training.generator.get_state(), "random/cpu": torch.get_rng_state()}
    device = _device(training.model)
    if device.type != "cpu":
        states["random/device"] = torch.get_device_module(device).get_rng_state()
    return states


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _outline(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in tensors.items()}
