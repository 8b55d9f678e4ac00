"""What the store knows already: the record that answers a spec, so that it need not be run again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from greenai_core import registry
from greenai_core.energy.machine import cores_usable, machine_id
from greenai_core.record import Record
from greenai_core.settings import settings
from greenai_core.spec import Measurement, Spec
from greenai_core.store import records
from greenai_core.store.database import reading
from greenai_core.store.schema import run

_PROFILES = ("none", "quick", "full")


@dataclass(frozen=True)
class Answer:
    """A stored record that holds all that running a spec here would find out, and the joules that it took."""

    run_id: str
    energy_spent_j: float | None


def record(spec: Spec) -> Record | None:
    """Return the newest record of this store that holds all that running `spec` here would find out, or None.

    A record of another machine, or of entries whose behaviour has changed since, does not; nor does any record of a
    data set whose content can change, since the spec alone does not say what it was then.
    """
    (found,) = find([spec])
    return None if found is None else records.load(found.run_id)


def find(specs: Sequence[Spec]) -> list[Answer | None]:
    """Return for each spec what `record` returns, but only its name and its joules; cheap for thousands of specs."""
    here = machine_id(settings().host_id)
    ids = list({spec.spec_id for spec in specs})
    columns = [run.c[name] for name in ("run_id", "spec_id", "energy_spent_j", "spec", "environment", "provenance")]
    stored: defaultdict[str, list[_Stored]] = defaultdict(list)
    with reading() as connection:
        for start in range(0, len(ids), _IDS_AT_ONCE):
            same = run.c.spec_id.in_(ids[start : start + _IDS_AT_ONCE]), run.c.status == "succeeded"
            newest = sa.select(*columns).where(*same).order_by(run.c.created_at.desc())
            for row in connection.execute(newest):
                if json.loads(row.environment).get("machine_id") == here:
                    stored[row.spec_id].append(_stored(row))
    return [_answer(spec, stored[spec.spec_id]) if spec.spec_id in stored else None for spec in specs]


_IDS_AT_ONCE = 500
"""A statement holds a limited number of values."""


class _Stored(NamedTuple):
    answer: Answer
    measured: Measurement
    versions: dict[str, int] | None


def _stored(row: Any) -> _Stored:
    provenance, stated = json.loads(row.provenance), Measurement(**json.loads(row.spec)["measurement"])
    used = stated.model_copy(update={"threads": provenance.get("threads", stated.threads)})
    return _Stored(Answer(row.run_id, row.energy_spent_j), used, provenance.get("versions"))


def _answer(spec: Spec, candidates: Sequence[_Stored]) -> Answer | None:
    if any(entry.changeable for entry in registry.entries(spec)):
        return None
    versions = registry.versions(spec)
    return next(
        (
            found.answer
            for found in candidates
            if found.versions == versions and measures_as_much(found.measured, spec.measurement)
        ),
        None,
    )


def measures_as_much(stored: Measurement, wanted: Measurement) -> bool:
    """Tell whether a run measured here as `stored` answers a request to measure as `wanted`.

    Where threads are not stated, every core that this process may use is meant.
    """
    if _PROFILES.index(stored.profile) < _PROFILES.index(wanted.profile) or stored.device != wanted.device:
        return False
    every_core = cores_usable()
    if (stored.threads or every_core) != (wanted.threads or every_core):
        return False
    return wanted.profile == "none" or stored.throughput_batch == wanted.throughput_batch
