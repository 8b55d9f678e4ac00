"""Which jobs of a submission rest on a common one: what several runs would train alike is trained once, and first.

A run can be continued from the checkpoint of any stage that trains. Where several runs share the stages up to there,
or a teacher, those stages are a run of their own that the others wait for; its record is the baseline they are
compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from greenai_core.spec import Spec
from greenai_core.store.checkpoints import teachers


@dataclass(frozen=True)
class Planned:
    """One run of a submission; `needs` are places in the plan, `asked` is False for what nobody asked for."""

    spec: Spec
    needs: tuple[int, ...]
    asked: bool


Below = Mapping[str, Mapping[str, Spec]]
"""By spec_id: every run that a run rests on, by spec_id."""


def plan(specs: Sequence[Spec]) -> tuple[Planned, ...]:
    """Return the runs of a submission: first those that several of `specs` share, then `specs` as they come."""
    asked = [spec.spec_id for spec in specs]
    below: dict[str, dict[str, Spec]] = {}
    for id, spec in zip(asked, specs, strict=True):
        _explore(id, spec, below)
    shared = _shared(asked, below)
    ids = [*sorted(shared, key=lambda id: len(below[id])), *asked]
    places = {id: place for place, id in reversed(list(enumerate(ids)))}
    runs = [*(shared[id] for id in ids[: len(shared)]), *specs]
    return tuple(
        Planned(spec, tuple(sorted(places[need] for need in _nearest(id, places, below))), place >= len(shared))
        for place, (id, spec) in enumerate(zip(ids, runs, strict=True))
    )


def _explore(id: str, spec: Spec, below: dict[str, dict[str, Spec]]) -> None:
    """Find what a run rests on, and what that rests on."""
    if id in below:
        return
    below[id] = {}
    for part in _parts(spec):
        part_id = part.spec_id
        _explore(part_id, part, below)
        below[id] |= {part_id: part, **below[part_id]}


def _parts(spec: Spec) -> Iterator[Spec]:
    """Yield the beginnings of a recipe that end with training, and the teachers of its stages."""
    for end, stage in enumerate(spec.recipe, start=1):
        if stage.training_epochs and end < len(spec.recipe):
            yield spec.model_copy(update={"recipe": spec.recipe[:end]})
        for teacher in teachers(stage):
            yield teacher.within(spec)


def _shared(asked: Sequence[str], below: Below) -> dict[str, Spec]:
    """Return the runs that several of those asked for rest on, each by a way of its own: they branch there."""
    wanted = set(asked)
    parts: dict[str, Spec] = {}
    users: dict[str, set[str]] = {}
    for id in asked:
        for part, spec in below[id].items():
            parts[part] = spec
            users.setdefault(part, set()).add(id)
    above: dict[str, list[str]] = {part: [] for part in parts}
    for other in dict.fromkeys([*parts, *asked]):
        for part in below[other]:
            above[part].append(other)

    def branches(id: str) -> bool:
        return not any(users[id] - {other} <= users.get(other, set()) for other in above[id])

    return {id: spec for id, spec in parts.items() if len(users[id]) > 1 and id not in wanted and branches(id)}


def _nearest(id: str, jobs: Mapping[str, int], below: Below) -> list[str]:
    """Return the jobs that a run rests on without another one in between."""
    wanted = [part for part in below[id] if part in jobs]
    return [part for part in wanted if not any(part in below[other] for other in wanted)]
