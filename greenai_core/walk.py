"""Walk a recipe stage by stage: take from the store what is there, work out the rest, and keep it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from greenai_core import acceleration, checkpoint, counts, estimators, runtime, training
from greenai_core.at_work import AtWork
from greenai_core.candidate import Candidate
from greenai_core.context import Context, Data, tensors
from greenai_core.datasets._base import Splits, fetch_with
from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.open_window import OpenWindow
from greenai_core.energy.window import Window
from greenai_core.errors import BadInput
from greenai_core.estimators import Estimator
from greenai_core.progress import Progress, Reporter
from greenai_core.record import StageRecord
from greenai_core.registry import FunctionEntry
from greenai_core.resume import Resuming
from greenai_core.settings import settings
from greenai_core.spec import Spec, Teacher
from greenai_core.store import checkpoints
from greenai_core.techniques._base import Technique
from greenai_core.unfinished import Unfinished


@dataclass(frozen=True)
class Setting:
    """Where a walk happens: what figures depend on beside the spec; `counted` tells whether its joules are."""

    device: torch.device
    threads: int
    training_key: str
    counted: bool

    def joules(self, made: Window, watched: Sequence[Window] = ()) -> float | None:
        """Return a window's joules without those of watching it; None where the device has no source of its own."""
        looking = [window.net_j for window in watched]
        if not self.counted or made.net_j is None or None in looking:
            return None
        return made.net_j - sum(joules for joules in looking if joules is not None)

    def joules_so_far(self, window: OpenWindow) -> float | None:
        """Return an open window's joules until now; None where the device has no source of its own."""
        return window.joules_so_far() if self.counted else None

    def numerics(self) -> dict[str, Any]:
        """Return everything beside spec and data that the weights depend on; part of every checkpoint's key."""
        return {
            "torch": torch.__version__,
            "device": self.device.type,
            "threads": self.threads,
            "bf16": acceleration.computes_bf16(self.device),
            "fit": training.VERSION,
            "checkpoint": checkpoint.VERSION,
        }


@dataclass(frozen=True)
class Walked:
    """A candidate at the end of its recipe, and what each stage cost."""

    candidate: Candidate
    stages: tuple[StageRecord, ...]


class Walk:
    """The walk of one run.

    `total` is its weight in epochs, `run` the energy window around all of it; `unfinished` is told how far it is.
    """

    def __init__(
        self,
        setting: Setting,
        meter: EnergyMeter,
        reporter: Reporter,
        total: float,
        run: OpenWindow,
        unfinished: Unfinished,
    ) -> None:
        self._setting, self._meter, self._reporter, self._run = setting, meter, reporter, run
        self._unfinished = unfinished
        self._total, self._done = total, 0.0
        self._loaded: dict[FunctionEntry, tuple[Splits, Data]] = {}

    def through(self, spec: Spec, label: str = "") -> Walked:
        """Walk the recipe of `spec`; `label` goes before the stage's name in progress reports."""
        _, data = self.load(spec.dataset)
        keys = checkpoints.keys(spec, lambda dataset: self.load(dataset)[0].digest, self._setting.numerics())
        restored = checkpoints.restore(keys)
        if restored:
            done, stages = restored.done, restored.stages
            candidate = checkpoint.unpack(restored.tensors, restored.structure, self._setting.device)
            self._done += sum(weight(stage) for stage in spec.recipe[:done])
        else:
            done, stages = 0, ()
            candidate = Candidate(fresh_model(spec, data.input_shape, data.num_classes).to(self._setting.device))
        self._unfinished.enter(stages)
        for index in range(done, len(spec.recipe)):
            candidate, stage, snapshots = self._stage(spec, index, candidate, data, keys[index], label)
            stages = (*stages, stage)
            self._unfinished.ended(stage)
            packed = checkpoint.pack(candidate, spec.model, data.input_shape, data.num_classes)
            checkpoints.write(keys[index], *packed, stages)
            snapshots.forget()
        return Walked(candidate, stages)

    def load(self, dataset: FunctionEntry) -> tuple[Splits, Data]:
        """Return a data set and what techniques see of it; read once per walk: a later run sees changed files."""
        if dataset not in self._loaded:
            with fetch_with(self._tell):
                splits: Splits = dataset(settings().data_dir)
            train, val = (tensors(splits, split, self._setting.device) for split in ("train", "val"))
            self._loaded[dataset] = splits, Data(train, val, splits.input_shape, len(splits.classes))
        return self._loaded[dataset]

    def _tell(self, message: str) -> None:
        self._reporter(Progress(stage="data", stage_index=0, fraction=self._done / self._total, message=message))

    def _stage(
        self, spec: Spec, index: int, candidate: Candidate, data: Data, key: str, label: str
    ) -> tuple[Candidate, StageRecord, Resuming]:
        stage = spec.recipe[index]
        facts = {
            "name": stage.name,
            "key": key,
            "dataset": spec.dataset.name,
            "model": spec.model.name,
            "epochs": stage.training_epochs,
            "images": len(data.train),
            "macs": counts.of(candidate, data.input_shape).macs,
            "cached": False,
            "training_key": self._setting.training_key,
        }
        begun = self._unfinished.begin(facts)
        # Before the stage's own window opens, so that a teacher's joules are counted once, as the teacher's.
        taught = {teacher: self._teach(spec, index, teacher, data) for teacher in checkpoints.teachers(stage)}
        seed = seed_of(spec.seed, index + 1)
        torch.manual_seed(seed)

        def validate(model: nn.Module, precision: str) -> float:
            """Find the validation accuracy; looking is no part of making the model."""
            with self._aside(begun, "validation", "evaluate"):
                return training.accuracy_of(model, precision, data.val.images, data.val.labels)

        self._unfinished.tell()  # a stage may end without ever reporting
        with self._meter.alone(), self._meter.window(stage.name, phase=stage.name) as window:
            begun.window = window
            aside = partial(self._aside, begun, "snapshot", "other")
            snapshots = Resuming(key, self._setting.training_key, begun, aside, self._unfinished.keep_now)
            generator = torch.Generator().manual_seed(seed)
            before = 0  # epochs of the stage's trainings that are over

            def report(step: training.Step) -> None:
                self._told(begun, label + stage.name, index, stage, step.after(before, stage.training_epochs))

            def fit(candidate: Candidate, **options: Any) -> Candidate:
                """Train a network, or fit an estimator."""
                nonlocal before
                if isinstance(candidate.model, Estimator):
                    return estimators.fit(candidate, data, seed=seed, report=report)
                trained = training.fit(
                    candidate,
                    data,
                    generator=generator,
                    report=report,
                    validate=validate,
                    resume=snapshots.call(),
                    **options,
                )
                before += options["epochs"]
                return trained

            context = Context(
                data=data,
                fit=fit,
                teacher=lambda teacher: _asked(taught[teacher].candidate),
                rng=torch.Generator().manual_seed(seed),
            )
            candidate = stage.apply(candidate, context)
        self._done += weight(stage, own=True)
        count = counts.of(candidate, data.input_shape)
        teacher_macs = [counts.of(walked.candidate, data.input_shape).macs for walked in taught.values()]
        trained = round(begun.curve[-1]["epoch"]) if begun.curve else 0  # it may have stopped early
        record = StageRecord(
            **{**facts, "epochs": trained},
            extra_macs=teaching_macs(stage, len(data.train), teacher_macs),
            params=count.params,
            nonzero_params=count.nonzero_params,
            accuracy_val=training.accuracy_of(runtime.predictor(candidate), "fp32", data.val.images, data.val.labels),
            **begun.figures(window.closed),
            teacher=tuple(part for walked in taught.values() for part in walked.stages),
        )
        return candidate, record, snapshots

    @contextmanager
    def _aside(self, begun: AtWork, label: str, phase: str) -> Iterator[None]:
        """Do something in a window of its own while a stage is at work: it is no part of what the stage costs."""
        with ExitStack() as after, self._meter.window(label, phase=phase, cross_check=False) as window:
            after.callback(lambda: begun.watched.append(window.closed))
            yield

    def _teach(self, spec: Spec, index: int, teacher: Teacher, data: Data) -> Walked:
        """Walk a teacher; one that sees other images or knows other classes is refused before it is trained."""
        taught = teacher.within(spec)
        _, seen = self.load(taught.dataset)
        check_teacher(
            spec.recipe[index], index, (seen.input_shape, seen.num_classes), (data.input_shape, data.num_classes)
        )
        walked = self.through(taught, f"{spec.recipe[index].name}: teacher ")
        self._unfinished.taught()
        return walked

    def _told(
        self,
        begun: AtWork,
        name: str,
        index: int,
        stage: Technique,
        step: training.Step,
    ) -> None:
        if step.accuracy_val is not None:
            energy_j = begun.spent().energy_j
            point = {"epoch": step.epoch, "loss": step.loss, "accuracy_val": step.accuracy_val, "lr": step.lr}
            begun.curve.append(point if energy_j is None else {**point, "energy_j": energy_j})
        self._reporter(
            Progress(
                stage=name,
                stage_index=index,
                fraction=(self._done + step.fraction * weight(stage, own=True)) / self._total,
                epoch=step.epoch,
                epochs=step.epochs,
                epoch_done=step.accuracy_val is not None,
                loss=step.loss,
                accuracy_val=step.accuracy_val,
                lr=step.lr,
                energy_j=self._setting.joules_so_far(self._run),
            )
        )
        self._unfinished.tell()


def _asked(taught: Candidate) -> nn.Module:
    """Return a teacher as its student's technique asks it."""
    return acceleration.laid_out(runtime.predictor(taught).eval().requires_grad_(False))


def weight(stage: Technique, *, own: bool = False) -> float:
    """Return roughly how many epochs a stage takes; with those of its teachers, unless only its `own` are wanted."""
    taught = 0.0 if own else sum(weight(s) for teacher in checkpoints.teachers(stage) for s in teacher.recipe)
    return max(0.1, stage.training_epochs) + taught


def seed_of(seed: int, place: int) -> int:
    """Return the seed of one place of a run: 0 for the initial weights, k for the k-th stage."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])


def teaching_macs(stage: Technique, images: int, teachers: Sequence[int | None]) -> int:
    """Return the multiply-accumulates of asking teachers about so many images."""
    return stage.asks * images * sum(macs or 0 for macs in teachers)


Subject = tuple[tuple[int, int, int], int]
"""Shape of the images and number of classes."""


def check_teacher(stage: Technique, index: int, teacher: Subject, student: Subject) -> None:
    """Check that a teacher sees the student's images and knows its classes, where the stage needs that.

    Raises:
        BadInput: it does not.
    """
    if teacher != student and not stage.teacher_may_differ:
        words = [f"{'x'.join(map(str, shape))} images of {classes} classes" for shape, classes in (teacher, student)]
        raise BadInput(f"recipe.{index}.teacher.dataset: the teacher learns {words[0]}, its student {words[1]}.")


def fresh_model(spec: Spec, input_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Build the untrained model; its weights depend on the seed only.

    Raises:
        BadInput: the model cannot take such images.
    """
    torch.manual_seed(seed_of(spec.seed, 0))
    try:
        model: nn.Module = spec.model(input_shape, num_classes)
        with torch.no_grad():
            model.eval()(torch.zeros(1, *input_shape))
    except (RuntimeError, ValueError) as error:
        shape = "x".join(map(str, input_shape))
        raise BadInput(
            f"model.name: {spec.model.name} cannot take images of {shape} ({error}); choose another model."
        ) from None
    return model.train()
