"""What specs would give, and what they would cost together. Nothing is trained or exported, see `shapes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import pandas as pd

from greenai_core.analysis.cost import HISTORY, Cost, PlannedStage, Price, predict
from greenai_core.energy.meter import EnergyMeter
from greenai_core.jobs import dependencies
from greenai_core.record import with_teachers
from greenai_core.run import check_device, setting_of
from greenai_core.settings import settings
from greenai_core.shapes import Figures, Walks, walk
from greenai_core.spec import Measurement, Spec
from greenai_core.store import answers, checkpoints, records
from greenai_core.store.answers import Answer
from greenai_core.walk import Setting, check_teacher, teaching_macs

RECENT = 1000
"""Runs, the newest ones, whose stages a price rests on: reading more takes longer than it makes the price better."""

SENTENCES = 3
"""Of what a price rests on, so much is said."""

_Planned = tuple[Measurement, PlannedStage]


@dataclass(frozen=True)
class Part:
    """A stage of a run or of its teachers.

    `key` is that of its checkpoint; it is `stored`, or `needed` because nothing that is stored makes up for it, or
    neither: the teacher of a stage that is stored.
    """

    label: str
    key: str
    stage: PlannedStage
    stored: bool
    needed: bool


@dataclass(frozen=True)
class Bench:
    """Where runs of one measurement would happen."""

    setting: Setting
    min_window_s: float

    @classmethod
    def of(cls, measurement: Measurement) -> Bench:
        """Return it for this machine.

        Raises:
            BadInput: this machine does not have the device.
        """
        check_device(measurement)
        meter = EnergyMeter.from_settings(measurement.device)
        return cls(setting_of(measurement, meter), meter.min_window_s)

    def price(self, planned: Sequence[PlannedStage], measurement: Measurement) -> Price:
        """Predict what stages would take here, from what stages like them took here."""
        return predict(
            planned,
            _history(self.setting.training_key, records.version()),
            profile=measurement.profile,
            min_window_s=self.min_window_s,
            watts_per_core=settings().watts_per_core,
            threads=self.setting.threads,
        )


def preview(spec: Spec) -> dict[str, Any]:
    """Return params, nonzero_params, macs and size_bytes after the recipe and before it, and its price.

    Keys: the four figures; `baseline` with the four of the untouched model; `stages`, the four after each stage with
    its name and whether it is `cached`; `cached_stages`, the positions of those; `predicted` with wall_s, cpu_s,
    energy_j and basis (what the prediction rests on).

    Raises:
        BadInput: something the spec names is not to be had here.
    """
    bench, walks = Bench.of(spec.measurement), walk([spec])
    parts = list(_parts(spec, bench.setting, walks, checkpoints.stored))
    needed = {part.key: part.stage for part in parts if part.needed}
    figures = [asdict(shape.figures) for shape in walks.of(spec).shapes]
    done = checkpoints.stored(checkpoints.keys(spec, walks.digest_of, bench.setting.numerics()))
    return {
        **figures[-1],
        "baseline": figures[0],
        "stages": [
            {"name": stage.name, "cached": index < done, **after}
            for index, (stage, after) in enumerate(zip(spec.recipe, figures[1:], strict=True))
        ],
        "cached_stages": list(range(done)),
        "predicted": asdict(bench.price(list(needed.values()), spec.measurement).total),
    }


def price(specs: Sequence[Spec], *, again: bool = False) -> dict[str, Any]:
    """Return what specs would cost together: a stage that several of them share, or a teacher, is run once.

    Args:
        specs: at least one.
        again: whether those that a stored record answers are run nevertheless.

    Returns:
        `runs`, and how many of them are `stored`: answered by a record; `stored_j`, what those took (None: not known of
        any), and `stored_unknown`, of how many of them that is not known; `to_run`, the number of runs that are left;
        `beside`, of runs that nobody asked for: what several have in common, see `greenai_core.jobs.dependencies`.
        `predicted` with wall_s, cpu_s, energy_j and basis, for all that are left; `shared` with the wall_s and energy_j
        that they would take beyond that if nothing were shared or stored; `stages_to_run` of the `stages_in_all` that
        they would take then; `free`, the stages that are stored, with the number of runs left that have them.
        `before` and `after`: for each of params, nonzero_params, macs and size_bytes the least and the most over all
        runs (None: unknown), of the untouched model and of the last one; `exact`, whether no neighbour stood in.

    Raises:
        BadInput: something a spec names is not to be had here.
    """
    stored = answers.find(specs)
    left = [spec for spec, answer in zip(specs, stored, strict=True) if again or answer is None]
    shared = [run.spec for run in dependencies.plan(left) if not run.asked]
    beside = [spec for spec, answer in zip(shared, answers.find(shared), strict=True) if answer is None]
    walks = walk(specs)
    return {
        **_answered(stored),
        "to_run": len(left),
        "beside": len(beside),
        **_together(left, beside, walks),
        "before": _range([walks.of(spec).shapes[0].figures for spec in specs]),
        "after": _range([walks.of(spec).shapes[-1].figures for spec in specs]),
        "exact": all(walks.of(spec).exact for spec in specs),
    }


def _answered(found: Sequence[Answer | None]) -> dict[str, Any]:
    """Return the part of a price that says what is stored already."""
    stored = [answer.energy_spent_j for answer in found if answer is not None]
    known = [joules for joules in stored if joules is not None]
    return {
        "runs": len(found),
        "stored": len(stored),
        "stored_j": sum(known) if known else None,
        "stored_unknown": len(stored) - len(known),
    }


def _together(specs: Sequence[Spec], beside: Sequence[Spec], walks: Walks) -> dict[str, Any]:
    """Return the part of a price that says what is left to run, and what that costs.

    The runs `beside` have no stages that `specs` have not; they are measured, too.
    """
    stored = cache(checkpoints.stored)
    benches = {measurement: Bench.of(measurement) for measurement in {spec.measurement: None for spec in specs}}
    alone: Counter[_Planned] = Counter()
    once: dict[str, _Planned] = {}
    free: Counter[str] = Counter()
    for spec in specs:
        for part in _parts(spec, benches[spec.measurement].setting, walks, stored):
            alone[spec.measurement, part.stage] += 1
            if part.needed:
                once.setdefault(part.key, (spec.measurement, part.stage))
            if part.stored:
                free[part.label] += 1
    costs: dict[_Planned, Cost] = {}
    measuring: list[Cost] = []
    for measurement, bench in benches.items():
        planned = [stage for where, stage in alone if where == measurement]
        predicted = bench.price(planned, measurement)
        costs |= {(measurement, stage): each for stage, each in zip(planned, predicted.stages, strict=True)}
        measuring += [predicted.measuring] * sum(spec.measurement == measurement for spec in [*specs, *beside])
    needed = [costs[place] for place in once.values()]
    apart = [costs[place] for place in alone.elements()]
    left, whole = _sum(needed), _sum(apart)
    return {
        "predicted": {**_sum([*needed, *measuring]), "basis": _basis(needed)},
        "shared": {name: whole[name] - left[name] for name in ("wall_s", "energy_j")},
        "stages_to_run": len(needed),
        "stages_in_all": len(apart),
        "free": dict(free),
    }


def _parts(spec: Spec, setting: Setting, walks: Walks, stored: Callable[[tuple[str, ...]], int]) -> Iterator[Part]:
    """Yield every stage of a recipe, each after those of its teachers."""
    facts, shapes = walks.facts[spec.dataset], walks.of(spec).shapes
    keys = checkpoints.keys(spec, walks.digest_of, setting.numerics())
    done = stored(keys)
    for index, (stage, key) in enumerate(zip(spec.recipe, keys, strict=True)):
        label, teacher_macs = f"{index + 1}. {stage.name}", []
        for teacher in checkpoints.teachers(stage):
            taught = teacher.within(spec)
            seen = walks.facts[taught.dataset]
            check_teacher(stage, index, (seen.input_shape, seen.num_classes), (facts.input_shape, facts.num_classes))
            teacher_macs.append(walks.of(taught).shapes[-1].figures.macs)
            for part in _parts(taught, setting, walks, stored):
                left = index >= done
                its = f"{label}: teacher {part.label}"
                yield replace(part, label=its, stored=part.stored and left, needed=part.needed and left)
        planned = PlannedStage(
            name=stage.name,
            dataset=spec.dataset.name,
            model=spec.model.name,
            epochs=stage.training_epochs,
            images=facts.train_images,
            macs=shapes[index].figures.macs or 0,
            trains=stage.training_epochs > 0,
            extra_macs=teaching_macs(stage, facts.train_images, teacher_macs),
        )
        yield Part(label, key, planned, stored=index < done, needed=index >= done)


def _sum(costs: Iterable[Cost]) -> dict[str, float]:
    """Add up costs."""
    costs = list(costs)
    return {name: sum(getattr(each, name) for each in costs) for name in ("wall_s", "cpu_s", "energy_j")}


def _basis(costs: Iterable[Cost]) -> str:
    """Say what costs rest on, each sentence once; of many, the first ones."""
    sentences = list(dict.fromkeys(each.basis for each in costs))
    more = [f"and {len(sentences) - SENTENCES} more such"] if len(sentences) > SENTENCES else []
    return "; ".join([*sentences[:SENTENCES], *more]) or "every stage is stored"


def _range(figures: Sequence[Figures]) -> dict[str, tuple[int, int] | None]:
    """Return the least and the most of each figure; None where one is unknown."""
    columns = {name: [getattr(each, name) for each in figures] for name in Figures.__dataclass_fields__}
    return {name: None if None in column else (min(column), max(column)) for name, column in columns.items()}


@lru_cache(maxsize=1)
def _history(training_key: str, version: str) -> pd.DataFrame:
    """Return every stage of recent runs that was carried through under this key, once, also if a run did not succeed.

    `version` is the store's, so that new runs are seen.
    """
    ran = {
        stage.key: stage
        for record in islice(records.each(), RECENT)
        for stage in with_teachers(record.stages)
        if stage.training_key == training_key and stage.ended
    }
    return pd.DataFrame([stage.model_dump(include=set(HISTORY)) for stage in ran.values()])
