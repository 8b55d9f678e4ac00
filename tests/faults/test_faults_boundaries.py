"""kill -9 just before and just after each commit that moves a job, in any order; answers that get lost."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa

from greenai_core.jobs import queue
from greenai_core.store import schema
from greenai_core.store.database import reading
from tests.faults import ledger
from tests.faults.invariants import assert_whole
from tests.faults.rig import Rig
from tests.jobs.fake_worker import a_spec

pytestmark = pytest.mark.faults

STEPS = ("claim", "launch", "begin", "finish")
POINTS = tuple(f"{step}.{side}" for step in STEPS for side in ("before", "after"))
LOSING = tuple(point for point in POINTS if point not in ("claim.before", "finish.after"))
"""Where a kill costs the attempt: what sees to that is killed next, now and then."""


def _order(rounds: int, chance: random.Random) -> list[str]:
    points = list(POINTS) * rounds
    chance.shuffle(points)
    followed = chance.sample([place for place, point in enumerate(points) if point in LOSING], 2 * rounds)
    for number, place in enumerate(sorted(followed, reverse=True)):
        points.insert(place + 1, ("lose.before", "lose.after")[number % 2])
    return points


def test_killed_at_every_commit_in_any_order(rig: Rig, chance: random.Random, scale: float) -> None:
    order = _order(max(1, round(4 * scale)), chance)
    rig.die_at(order)
    rig.submit(*(a_spec(seed) for seed in range(len(order) + 4)))
    jobs = rig.see_through()
    assert [line["point"] for line in ledger.lines("death")] == order
    assert {job.state for job in jobs} <= {"succeeded", "failed"}
    assert all(job.attempts == 3 for job in jobs if job.state == "failed")
    assert_whole()


@pytest.mark.parametrize("point", ["finish.after", "begin.after", "lose.after"])
def test_answer_of_a_commit_gets_lost(rig: Rig, point: str) -> None:
    if point == "lose.after":
        rig.die_at(["begin.after"])
    rig.mute(point)
    (only,) = rig.submit(a_spec())
    rig.see_through()
    assert not list((rig.folder / "mute").iterdir())
    job = queue.job(only)
    assert (job.state, job.attempts) == ("succeeded", 1 if point == "finish.after" else 2)
    with reading() as connection:
        chosen = sa.select(schema.run.c.status).where(schema.run.c.run_id == job.run_id)
        assert connection.execute(chosen).scalar() == "succeeded"
    assert_whole()
