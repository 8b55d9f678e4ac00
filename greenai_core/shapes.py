"""What recipes make of models, without training: sizes follow from the shapes of tensors, whatever their values.

The techniques are really applied, with a `fit` that returns its candidate unchanged. Cutting channels takes half a
second, so what was applied once is remembered, recipes share what they have in common, and of many recipes that differ
in the same place some are walked; a neighbour stands in for each of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from greenai_core import counts, metrics
from greenai_core.candidate import Candidate
from greenai_core.constraints import Mask
from greenai_core.datasets._base import NotHereError, Splits, fetch_with, outline
from greenai_core.estimators import Estimator
from greenai_core.registry import FunctionEntry
from greenai_core.settings import settings
from greenai_core.spec import Measurement, Spec
from greenai_core.store import checkpoints
from greenai_core.techniques._base import Deploys
from greenai_core.untrained import applied
from greenai_core.walk import fresh_model

MOST_APPLIED = 8
"""In one place of a recipe so many different stages are applied; more would take longer than one likes to wait."""


@dataclass(frozen=True)
class Facts:
    """What can be told of a data set without training on it."""

    digest: str
    input_shape: tuple[int, int, int]
    num_classes: int
    train_images: int


@dataclass(frozen=True)
class Figures:
    """What a model weighs; see the record's keys of the same names. None: there is none, or it depends on training."""

    params: int | None
    nonzero_params: int | None
    macs: int | None
    size_bytes: int | None


@dataclass(frozen=True, eq=False)
class Shape:
    """A model that was not trained, and what it weighs; equal to nothing but itself."""

    candidate: Candidate
    figures: Figures


@dataclass(frozen=True)
class Walked:
    """The untouched model and the one after each stage; not `exact` where a neighbour stands in for one of them."""

    shapes: tuple[Shape, ...]
    exact: bool = True

    def and_then(self, shape: Shape, exact: bool) -> Walked:
        """Add what the next stage leaves behind."""
        return Walked((*self.shapes, shape), self.exact and exact)


@dataclass(frozen=True)
class Walks:
    """What was found out about several specs and their teachers, and about their data sets."""

    facts: Mapping[FunctionEntry, Facts]
    by_bare_spec: Mapping[Spec, Walked]

    def of(self, spec: Spec) -> Walked:
        """Return the walk of a spec, whatever its seed and measurement."""
        return self.by_bare_spec[_bare(spec)]

    def digest_of(self, dataset: FunctionEntry) -> str:
        """Return the hash of a data set's content."""
        return self.facts[dataset].digest


def walk(specs: Sequence[Spec]) -> Walks:
    """Walk the recipe of each spec and of its teachers.

    Raises:
        BadInput: something a spec names is not to be had here, or a technique refuses its model.
    """
    distinct = list(dict.fromkeys(found for spec in dict.fromkeys(map(_bare, specs)) for found in _with_teachers(spec)))
    facts = {dataset: facts_of(dataset) for dataset in dict.fromkeys(spec.dataset for spec in distinct)}
    first = [_Step(None, spec.model_copy(update={"recipe": ()}), facts[spec.dataset]) for spec in distinct]
    begun = _taken(first)
    ways = [Walked((begun[step][0],), begun[step][1]) for step in first]
    for place in zip_longest(*(spec.recipe for spec in distinct)):
        steps = [
            None if stage is None else _Step(way.shapes[-1], stage, facts[spec.dataset])
            for spec, way, stage in zip(distinct, ways, place, strict=True)
        ]
        after = _taken([step for step in steps if step])
        ways = [way.and_then(*after[step]) if step else way for way, step in zip(ways, steps, strict=True)]
    return Walks(facts, dict(zip(distinct, ways, strict=True)))


def _bare(spec: Spec) -> Spec:
    """Return a spec without what does not change shapes: seed and measurement."""
    return spec.model_copy(update={"seed": 0, "measurement": Measurement()})


def _with_teachers(spec: Spec) -> Iterator[Spec]:
    yield spec
    for stage in spec.recipe:
        for teacher in checkpoints.teachers(stage):
            yield from _with_teachers(_bare(teacher.within(spec)))


class _Step(NamedTuple):
    """A stage that is applied to a shape, or, where there is none yet, a spec whose model is built."""

    before: Shape | None
    what: Any
    facts: Facts


def _taken(steps: Sequence[_Step]) -> dict[_Step, tuple[Shape, bool]]:
    """Return what each step leads to, and whether it was really taken."""
    distinct = list(dict.fromkeys(steps))
    chosen = _evenly(len(distinct), MOST_APPLIED)
    led = {index: _step(distinct[index]) for index in chosen}
    taken = {}
    for index, step in enumerate(distinct):
        near = min(chosen, key=lambda other: abs(other - index))
        keeps = led[near] is distinct[near].before and step.before is not None  # such as training, which cuts nothing
        taken[step] = (step.before if keeps and step.before else led[near], keeps or near == index)
    return taken


def _evenly(number: int, most: int) -> list[int]:
    """Return at most so many places among `number`, first and last included, at even distances."""
    return list(range(number)) if number <= most else [round(i * (number - 1) / (most - 1)) for i in range(most)]


@lru_cache(maxsize=64)
def _step(step: _Step) -> Shape:
    before, what, facts = step
    if before is None:
        return _weighed(Candidate(fresh_model(what, facts.input_shape, facts.num_classes)), facts)
    if isinstance(what, Deploys):
        size = what.predict_bytes(before.candidate, facts.input_shape)
        return Shape(before.candidate, replace(before.figures, size_bytes=size))
    after = applied(what, before.candidate, facts.input_shape, facts.num_classes)
    return before if after is before.candidate else _weighed(after, facts)


def _weighed(candidate: Candidate, facts: Facts) -> Shape:
    """Count a candidate; weights that are not masked count as non-zero, as they will be once trained."""
    count = counts.of(candidate, facts.input_shape)
    masks = [constraint for constraint in candidate.constraints if isinstance(constraint, Mask)]
    masked = sum(int((~keep).sum()) for mask in masks for keep in mask.by_name.values())
    nonzero = None if count.params is None else count.params - masked
    return Shape(candidate, Figures(count.params, nonzero, count.macs, _size_bytes(candidate, facts)))


def _size_bytes(candidate: Candidate, facts: Facts) -> int | None:
    """Predict the bytes of the deployed file; those of an estimator depend on what it learns."""
    if isinstance(candidate.model, Estimator):
        return None
    saved = sum(constraint.saved_bytes(candidate.model) for constraint in candidate.constraints)
    return metrics.predicted_size_bytes(candidate.model, facts.input_shape) - saved


def facts_of(dataset: FunctionEntry) -> Facts:
    """Return what is known of a data set; one that is not here yet is not downloaded for a look at its price.

    Raises:
        BadInput: it is not to be had here.
    """
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


_kept_facts: Callable[[FunctionEntry, Path], Facts] = lru_cache(maxsize=8)(_read_facts)
"""Read once per process where the content cannot change: a preview is asked for with every move of a slider."""
