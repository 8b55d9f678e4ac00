"""What several runs rest on fails, is cancelled, dies, and is tried again."""

from __future__ import annotations

import pytest

from greenai_core.jobs import control, queue
from tests.faults.invariants import assert_whole
from tests.faults.rig import LOCAL, WORKER, Rig
from tests.faults.specs import a_sweep, shared_by, spec_id_of

pytestmark = pytest.mark.faults


def _states(ids: list[str]) -> list[str]:
    return [queue.job(id).state for id in ids]


def test_teacher_fails_dies_is_cancelled_and_is_tried_again(rig: Rig) -> None:
    control.pause(LOCAL)
    students = rig.submit(*a_sweep(3))
    teacher = shared_by(students[0])
    fails = rig.folder / "fail" / spec_id_of(teacher)
    fails.touch()
    assert _states([teacher, *students]) == ["queued"] + ["blocked"] * 3
    control.resume(LOCAL)
    rig.see_through()
    assert _states([teacher, *students]) == ["failed"] + ["skipped"] * 3
    for id in students:
        assert "which it builds on, has failed" in (queue.job(id).error or "")
        assert queue.attempts(id) == []
    assert_whole()

    fails.unlink()
    rig.hold("epoch-2")
    queue.retry(students[0], LOCAL)  # its teacher is tried again before it, and the others wait for that as well
    rig.held("epoch-2")
    assert _states([teacher, *students]) == ["running"] + ["blocked"] * 3
    rig.cancel(teacher)
    rig.release("epoch-2")
    rig.see_through()
    assert _states([teacher, *students]) == ["cancelled"] + ["skipped"] * 3
    assert all("which it builds on, was cancelled" in (queue.job(id).error or "") for id in students)
    assert_whole()

    rig.hold("epoch-2")
    queue.retry(teacher, LOCAL)
    rig.held("epoch-2")
    rig.kill(WORKER)
    rig.release("epoch-2")
    rig.see_through()
    assert _states([teacher, *students]) == ["succeeded"] * 4
    failed, cancelled, *others = [row.outcome for row in queue.attempts(teacher)]
    assert (failed, others) == ("failed", ["lost", "succeeded"])
    assert cancelled in ("cancelled", "lost")  # on a busy machine its process is killed before it can stop
    assert [len(queue.attempts(id)) for id in students] == [1, 1, 1]
    assert_whole()
