"""How long nothing moved, as far as somebody looked; and slots of the machine."""

from __future__ import annotations

from contextlib import ExitStack

from greenai_core.jobs import slots
from greenai_core.jobs.watch import Unchanged


def test_unchanged_counts_only_what_was_looked_at() -> None:
    clock = [100.0]
    unchanged = Unchanged(longest_s=5.0, clock=lambda: clock[0])

    def after(seconds: float, value: object) -> float:
        clock[0] += seconds
        return unchanged.look([("key", value)])["key"]

    assert after(1, "a") == 0.0
    assert after(2, "a") == 2.0
    assert after(3600, "a") == 7.0  # whoever slept for an hour saw nothing
    assert after(1, "b") == 0.0
    assert after(1, "b") == 1.0
    assert unchanged.look([]) == {}
    assert after(1, "b") == 0.0


def test_a_slot_of_the_machine_is_one_holders() -> None:
    with ExitStack() as first, ExitStack() as second:
        assert slots.take(1, first) == 0
        assert slots.take(1, second) is None
        assert slots.take(2, second) == 1
        first.close()
        assert slots.take(2, second) == 0
