"""What a spec would give: counts and bytes before and after, and what it would cost. Nothing is trained or exported.

The recipe is really walked, with a `fit` that returns its candidate unchanged: sizes follow from the shapes of the
tensors, whatever their values.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from greenai_core import metrics
from greenai_core.analysis import cost
from greenai_core.candidate import Candidate, Mask
from greenai_core.datasets._base import NotHereError, Splits, fetch_with, outline
from greenai_core.energy.meter import EnergyMeter
from greenai_core.record import with_teachers
from greenai_core.registry import FunctionEntry
from greenai_core.run import check_device, setting_of
from greenai_core.settings import settings
from greenai_core.spec import Spec
from greenai_core.store import checkpoints, records
from greenai_core.techniques._base import Technique
from greenai_core.walk import Setting, check_teacher, epochs_of, teaching_macs, untrained


@dataclass(frozen=True)
class Facts:
    """What a preview needs to know of a data set."""

    digest: str
    input_shape: tuple[int, int, int]
    num_classes: int
    train_images: int


@dataclass(frozen=True)
class Figures:
    """What a model weighs; see the record's keys of the same names."""

    params: int
    nonzero_params: int
    macs: int | None
    size_bytes: int


@dataclass(frozen=True)
class Step:
    """One stage of a recipe: what the model weighs before and after, and whether the store has the result."""

    stage: Technique
    before: Figures
    after: Figures
    cached: bool


def preview(spec: Spec) -> dict[str, Any]:
    """Return params, nonzero_params, macs and size_bytes after the recipe and before it, and its price.

    Keys: the four figures; `baseline` with the four of the untouched model; `stages`, the four after each stage with
    its name and whether it is `cached`; `cached_stages`, the positions of those; `predicted` with wall_s, cpu_s,
    energy_j and basis (what the prediction rests on).

    Raises:
        BadInput: something the spec names is not to be had here.
    """
    check_device(spec.measurement)
    meter = EnergyMeter.from_settings(spec.measurement.device)
    setting = setting_of(spec.measurement, meter)
    steps = _steps(spec, setting)
    price = cost.predict(
        _plan(spec, steps, setting),
        _history(setting.training_key, records.version()),
        profile=spec.measurement.profile,
        min_window_s=meter.min_window_s,
        watts_per_core=settings().watts_per_core,
        threads=setting.threads,
    )
    return {
        **asdict(steps[-1].after),
        "baseline": asdict(steps[0].before),
        "stages": [{"name": step.stage.name, "cached": step.cached, **asdict(step.after)} for step in steps],
        "cached_stages": [index for index, step in enumerate(steps) if step.cached],
        "predicted": asdict(price.total),
    }


def _steps(spec: Spec, setting: Setting) -> list[Step]:
    """Walk the recipe without training."""
    facts = _facts(spec.dataset)
    candidates = untrained(spec, facts.input_shape, facts.num_classes)
    keys = checkpoints.keys(spec, lambda dataset: _facts(dataset).digest, setting.numerics())
    stored = checkpoints.stored(keys)
    figures = [_figures(candidate, facts.input_shape) for candidate in candidates]
    return [
        Step(stage, before, after, cached=index < stored)
        for index, (stage, (before, after)) in enumerate(zip(spec.recipe, pairwise(figures), strict=True))
    ]


def _figures(candidate: Candidate, input_shape: tuple[int, int, int]) -> Figures:
    """Count a candidate; weights that are not masked count as non-zero, as they will be once trained."""
    params = metrics.count_params(candidate.model).params
    masked = sum(int((~keep).sum()) for c in candidate.constraints if isinstance(c, Mask) for keep in c.keep.values())
    size = metrics.predicted_size_bytes(candidate.model, input_shape)
    return Figures(params, params - masked, metrics.macs(candidate.model, input_shape), size)


def _plan(spec: Spec, steps: list[Step], setting: Setting) -> list[cost.PlannedStage]:
    """Return what is left to run: the stages that are not stored, each after those of its teachers."""
    facts = _facts(spec.dataset)
    planned = []
    for index, step in enumerate(steps):
        teacher_macs = []
        for teacher in checkpoints.teachers(step.stage):
            taught = teacher.within(spec)
            seen = _facts(taught.dataset)
            check_teacher(index, (seen.input_shape, seen.num_classes), (facts.input_shape, facts.num_classes))
            teaching = _steps(taught, setting)
            planned += [] if step.cached else _plan(taught, teaching, setting)
            teacher_macs.append(teaching[-1].after.macs)
        if step.cached:
            continue
        planned.append(
            cost.PlannedStage(
                name=step.stage.name,
                dataset=spec.dataset.name,
                model=spec.model.name,
                epochs=epochs_of(step.stage),
                images=facts.train_images,
                macs=step.before.macs or 0,
                trains=epochs_of(step.stage) > 0,
                extra_macs=teaching_macs(step.stage, facts.train_images, teacher_macs),
            )
        )
    return planned


@lru_cache(maxsize=1)
def _history(training_key: str, version: str) -> pd.DataFrame:
    """Return every stage that was carried through under this key, once, also of runs that did not succeed.

    `version` is the store's, so that new runs are seen.
    """
    ran = {
        stage.key: stage
        for record in records.every()
        for stage in with_teachers(record.stages)
        if stage.training_key == training_key and stage.ended
    }
    return pd.DataFrame([stage.model_dump(include=set(cost.HISTORY)) for stage in ran.values()])


def _facts(dataset: FunctionEntry) -> Facts:
    """Return what is known of a data set; one that is not here yet is not downloaded for a look at its price."""
    root = settings().data_dir
    try:
        return _read_facts(dataset, root) if dataset.changeable else _kept_facts(dataset, root)
    except NotHereError:
        stated = outline(dataset)
        if stated is None:
            raise
        return Facts("not here", stated.input_shape, stated.num_classes, stated.train_images)


def _read_facts(dataset: FunctionEntry, root: Path) -> Facts:
    with fetch_with(None):
        splits: Splits = dataset(root)
    return Facts(splits.digest, splits.input_shape, len(splits.classes), len(splits.train))


_kept_facts = lru_cache(maxsize=8)(_read_facts)
"""Read once per process where the content cannot change: a preview is asked for with every move of a slider."""
