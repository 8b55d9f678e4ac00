"""The only training loop.

The data set lies in memory as one normalised tensor. It is shuffled once per epoch with one gather, so that a batch
is a view; augmentation works on whole batches. On small networks the loop around the network is what costs: nothing
in it touches single samples.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from greenai_core import acceleration, evaluation, metrics, training_state
from greenai_core.augmentation import PLAIN, Augmentation
from greenai_core.candidate import Candidate
from greenai_core.constraints import Constraint
from greenai_core.constraints.frozen import held
from greenai_core.dropout import dropping
from greenai_core.errors import RunFailed
from greenai_core.schedule import Schedule
from greenai_core.training_state import Best, Resumable, State, Training

if TYPE_CHECKING:
    from greenai_core.context import Data

VERSION = 2
"""Part of every checkpoint's key: raise it when the same arguments would give other weights."""

REPORT_EVERY_S = 0.25


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        images: (B, C, H, W) as the network saw them.
        labels: (B,) of the images before any was mixed with another one.
        index: positions (B,) in the training split.
        targets: what the network is to say: the labels, or class probabilities (B, K) where images are mixed or labels
            smoothed.
        view: how each image (B,) was moved, see `greenai_core.augmentation.Move`; not what else was done to it.
    """

    images: torch.Tensor
    labels: torch.Tensor
    index: torch.Tensor
    targets: torch.Tensor
    view: torch.Tensor


Loss = Callable[[torch.Tensor, Batch], torch.Tensor]
Validate = Callable[[nn.Module, str], float]
"""Validation accuracy of a model in a precision; whoever meters a training can take its cost out of the bill."""
Penalty = Callable[[nn.Module], torch.Tensor]
Within = Callable[[nn.Module], AbstractContextManager[object]]
"""Something that holds of a model while it trains, entered before its parameters are handed to the optimizer."""


@dataclass(frozen=True)
class Step:
    """How far `fit` is; `epoch` counts from 1, `accuracy_val` is set when an epoch is done."""

    epoch: int
    epochs: int
    fraction: float
    loss: float
    lr: float
    accuracy_val: float | None = None

    def after(self, trained: int, whole: int) -> Step:
        """Return the step as seen from a stage of `whole` epochs that has trained for so many before."""
        epochs = max(whole, trained + self.epochs)
        fraction = (trained + self.fraction * self.epochs) / epochs
        return replace(self, epoch=trained + self.epoch, epochs=epochs, fraction=fraction)


def cross_entropy(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of logits (B, K) and the batch's targets."""
    return F.cross_entropy(logits, batch.targets)


def fit(
    candidate: Candidate,
    data: Data,
    *,
    epochs: int,
    lr: float,
    generator: torch.Generator,
    report: Callable[[Step], None],
    batch_size: int = 64,
    weight_decay: float = 0.01,
    augmentation: Augmentation = PLAIN,
    dropout: float | None = None,
    patience: int = 0,
    precision: str = "auto",
    freeze_out: float = 1.0,
    loss: Loss = cross_entropy,
    penalty: Penalty | None = None,
    within: Within = nullcontext,
    validate: Validate | None = None,
    resume: Resumable | None = None,
) -> Candidate:
    """Train a copy of the candidate's model with AdamW on a one-cycle schedule and return the trained candidate.

    After each optimizer step the model is projected onto the candidate's constraints. A training that continues from a
    state gives the weights, bit for bit, of one that was never interrupted (same machine, same threads).

    Args:
        candidate: what to train; left as it is.
        data: training images to learn from; validation images are only watched.
        epochs: passes over the training images.
        lr: peak learning rate.
        generator: source of shuffling and augmentation.
        report: told several times a second and at the end of each epoch; may raise to end the training.
        batch_size: images per step; the last batch of an epoch takes the rest.
        weight_decay: decoupled, as in AdamW, https://arxiv.org/abs/1711.05101
        augmentation: changes of images and targets, drawn anew for each batch.
        dropout: rate of every dropout layer while it trains; None: the network's own rates.
        patience: epochs without a better validation accuracy after which the training ends. The model is then that of
            the best epoch, also where no epoch is left out; 0: that of the last one, and validation decides nothing.
        precision: "fp32", "bf16", "fp16" or "auto", see `greenai_core.acceleration.resolve_precision`.
        freeze_out: share of the steps after which the first layer learns no more, see `greenai_core.schedule.Schedule`;
            1: all layers learn to the end.
        loss: objective of logits (B, K) and a batch.
        penalty: added to the loss, a function of the model.
        within: opens the context in which the copy trains, given the copy: taps on its layers, fake quantization,
            gates. What it adds to the copy must be gone when it closes.
        validate: how the validation accuracy of an epoch is found; None: `accuracy_of` the validation images.
        resume: where an earlier attempt's state is looked for, and this one's is kept; None: nowhere.

    Raises:
        BadInput: the network or the images do not allow what was chosen.
        RunFailed: the loss is no longer a finite number.
    """
    augmentation.check(data.train.images)
    model = copy.deepcopy(candidate.model)
    images, labels = data.train.images, data.train.labels
    precision = acceleration.resolve_precision(precision, images.device, model)
    model = acceleration.laid_out(model)
    if acceleration.has_convolutions(model):
        images = images.to(memory_format=torch.channels_last)
    images = images.to(acceleration.KINDS[precision])
    targets = augmentation.targets(labels, data.num_classes)
    watch = validate or partial(accuracy_of, images=data.val.images, labels=data.val.labels)
    steps_per_epoch = len(_edges(len(labels), batch_size))
    steps, step, told = epochs * steps_per_epoch, 0, float("-inf")  # the first step is told at once
    value, done, best = torch.zeros(()), 0, Best()
    with (
        acceleration.threads_for(metrics.macs(model, data.input_shape), batch_size),
        acceleration.lean(model),
        dropping(model, dropout),
        held(model, candidate.constraints),
        within(model),
        Schedule(model, steps, lr, freeze_out) as schedule,
    ):
        optimizer = torch.optim.AdamW(schedule.groups, lr=lr, weight_decay=weight_decay, fused=True)
        scaler = acceleration.scaler(precision, images.device)
        training = Training(model, optimizer, generator, scaler, keeps_best=patience > 0)
        fits = partial(training_state.fits, training=training, epochs=epochs, steps_per_epoch=steps_per_epoch)
        if resume is not None and (state := resume.load(fits)) is not None:
            best = training_state.restore(state, training)
            step, done = state.step, state.epoch
            report(Step(done, epochs, step / steps, state.loss, schedule.at(step - 1)))
        while done < epochs and not best.given_up(done, patience):
            done += 1
            model.train()
            for batch in _batches(images, labels, targets, batch_size, augmentation, generator):
                rate = schedule.set(optimizer, step)
                with acceleration.autocast(precision, images.device):
                    logits = model(batch.images)
                value = loss(logits.float(), batch)
                if penalty is not None:
                    value = value + penalty(model)
                _descend(training, value, candidate.constraints)
                step += 1
                if time.perf_counter() - told > REPORT_EVERY_S:
                    report(Step(done, epochs, step / steps, _finite(value, done), rate))
                    told = time.perf_counter()
            accuracy = watch(model, precision)
            if patience:
                best = best.or_now(model, done, accuracy)
            report(Step(done, epochs, step / steps, _finite(value, done), rate, accuracy))
            last = done == epochs or best.given_up(done, patience)
            if resume is not None and resume.due(last):
                tensors = training_state.capture(training, best)
                kept = training_state.without_moments(tensors) if last else tensors
                resume.save(State(done, epochs, step, float(value.detach()), kept))
        if patience:
            training_state.put(model, best.weights)
    # Back to the plain layout, which is what a checkpoint restores: with another one the last bits of a sum differ.
    return replace(candidate, model=model.to(memory_format=torch.contiguous_format).eval())  # type: ignore[call-overload]


@torch.no_grad()
def accuracy_of(model: nn.Module, precision: str, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the fraction of images (N, C, H, W) whose label is predicted, computed in `precision`."""
    model.eval()
    hits = 0
    for some_images, some_labels in zip(images.split(evaluation.BATCH), labels.split(evaluation.BATCH), strict=True):
        with acceleration.autocast(precision, images.device):
            hits += int((model(some_images).argmax(1) == some_labels).sum())
    return hits / len(labels)


def _descend(training: Training, value: torch.Tensor, constraints: Sequence[Constraint]) -> None:
    """Take one optimizer step; where the loss is not scaled the scaler does nothing."""
    training.optimizer.zero_grad(set_to_none=True)
    training.scaler.scale(value).backward()
    training.scaler.unscale_(training.optimizer)
    for constraint in constraints:
        constraint.share_gradients(training.model)
    training.scaler.step(training.optimizer)
    training.scaler.update()
    for constraint in constraints:
        constraint.project(training.model)


def _batches(
    images: torch.Tensor,
    labels: torch.Tensor,
    targets: torch.Tensor,
    size: int,
    augmentation: Augmentation,
    generator: torch.Generator,
) -> Iterator[Batch]:
    order = torch.randperm(len(labels), generator=generator).to(images.device)
    shuffled, known = images[order], labels[order]
    wanted = known if targets is labels else targets[order]
    for part in _edges(len(order), size):
        seen, said, view = augmentation.apply(shuffled[part], wanted[part], generator)
        yield Batch(seen, known[part], order[part], said, view)


def _edges(images: int, size: int) -> list[slice]:
    """Cut so many images into batches; a single image left over joins the batch before, as one has no statistics."""
    starts = list(range(0, images, size))
    if len(starts) > 1 and images % size == 1:
        starts.pop()
    return [slice(start, stop) for start, stop in pairwise([*starts, images])]


def _finite(value: torch.Tensor, epoch: int) -> float:
    loss = float(value.detach())
    if not math.isfinite(loss):
        raise RunFailed(f"the loss became {loss} in epoch {epoch}; lower the learning rate (lr).")
    return loss
