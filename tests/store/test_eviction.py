"""Prefix checkpoints under a cap: the least recently used go, and no run notices more than that it trains again."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from greenai_core.errors import BadInput
from greenai_core.store import artifacts, checkpoints, eviction
from greenai_core.store.clock import now
from greenai_core.store.database import reading, writing
from greenai_core.store.eviction import SPARED_S, Kept, surplus
from greenai_core.store.schema import checkpoint
from tests import factory

STAGES = factory.record().stages
KB = 1024
ADDED = st.tuples(st.integers(1, 50), st.floats(0, 3 * SPARED_S))
"""Size, and seconds of rest afterwards."""


def write(key: str, size_bytes: int = 100 * KB) -> None:
    checkpoints.write(key, b"t" * size_bytes, b"s", STAGES)


def age(key: str, seconds: float) -> None:
    """Let a checkpoint be used so long ago."""
    with writing() as connection:
        connection.execute(checkpoint.update().where(checkpoint.c.key == key).values(used_at=now() - seconds))


def stored(*keys: str) -> list[str]:
    return [key for key in keys if checkpoints.stored([key])]


def idle_s(key: str) -> float | None:
    with reading() as connection:
        return connection.execute(sa.select(now() - checkpoint.c.used_at).where(checkpoint.c.key == key)).scalar()


@pytest.fixture
def cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two of these checkpoints, and not for three."""
    monkeypatch.setenv("GREENAI_CHECKPOINTS_CAP_MB", "0.25")


@given(st.lists(ADDED, max_size=12), st.integers(1, 200))
def test_the_sum_is_under_the_cap_after_each_write_unless_all_was_used_just_now(
    added: list[tuple[int, float]], cap: int
) -> None:
    kept: list[Kept] = []
    for number, (size, rest) in enumerate(added):
        latest = Kept(str(number), size, 0.0)
        kept.append(latest)
        gone = surplus(kept, cap, latest.key)
        left = [each for each in kept if each not in gone]
        assert latest in left and all(each.idle_s >= SPARED_S for each in gone)
        assert sum(each.size_bytes for each in left) <= cap or all(
            each.idle_s < SPARED_S for each in left if each != latest
        )
        oldest_left = max((each.idle_s for each in left if each != latest), default=0.0)
        assert all(each.idle_s >= oldest_left for each in gone), "a younger one went before an older one"
        if gone:  # none too many
            assert sum(each.size_bytes for each in left) + gone[-1].size_bytes > cap
        kept = [Kept(each.key, each.size_bytes, each.idle_s + rest) for each in left]


def test_the_one_just_written_stays_even_where_that_could_not_be_noted() -> None:
    assert surplus([Kept("latest", 10, 1e6), Kept("other", 1, 1e5)], 5, "latest") == (Kept("other", 1, 1e5),)


@pytest.mark.usefixtures("any_store")
def test_the_least_recently_used_goes_and_its_folder_with_it(own_store: Path, cap: None) -> None:
    write("old"), write("older")
    age("old", 2 * SPARED_S), age("older", 3 * SPARED_S)
    write("new")
    assert stored("older", "old", "new") == ["old", "new"]
    assert sorted(path.name for path in (own_store / "artifacts" / "checkpoints").iterdir()) == ["new", "old"]
    assert idle_s("older") is None


def test_reading_is_using(cap: None) -> None:
    write("a"), write("b")
    age("a", 3 * SPARED_S), age("b", 2 * SPARED_S)
    assert checkpoints.restore(["a"]) is not None
    write("c")
    assert stored("a", "b", "c") == ["a", "c"]


@pytest.mark.usefixtures("any_store")
def test_a_use_is_noted_once_a_minute() -> None:
    write("a")
    age("a", eviction.NOTED_EVERY_S / 2)
    checkpoints.history("a")
    assert (idle_s("a") or 0.0) >= eviction.NOTED_EVERY_S / 2
    age("a", 1e6)
    checkpoints.history("a")
    assert (idle_s("a") or 0.0) < 1e5


def test_what_was_used_just_now_stays_above_the_cap_with_one_warning(
    cap: None, caplog: pytest.LogCaptureFixture
) -> None:
    write("a"), write("b")
    with caplog.at_level(logging.WARNING):
        write("c")
    assert stored("a", "b", "c") == ["a", "b", "c"]
    (said,) = caplog.messages
    assert "GREENAI_CHECKPOINTS_CAP_MB allows 256 KB" in said


def test_one_that_is_larger_than_the_cap_stays_alone(cap: None) -> None:
    write("a")
    age("a", 2 * SPARED_S)
    write("huge", 400 * KB)
    assert stored("a", "huge") == ["huge"]


@pytest.mark.usefixtures("any_store")
def test_checkpoints_of_an_older_version_are_taken_in(own_store: Path, cap: None) -> None:
    write("a"), write("b")
    with writing() as connection:
        connection.execute(checkpoint.delete())
    eviction._take_in.cache_clear()  # another process
    long_ago = 1_600_000_000
    for file in (own_store / "artifacts" / "checkpoints" / "b").iterdir():
        os.utime(file, (long_ago, long_ago))
    write("c")
    assert stored("a", "b", "c") == ["a", "c"]
    assert (idle_s("a") or 0.0) < SPARED_S


@pytest.mark.usefixtures("any_store")
def test_rows_of_files_that_somebody_removed_count_nothing(cap: None) -> None:
    write("a"), write("b"), write("gone")
    for key in ("a", "b", "gone"):
        age(key, 2 * SPARED_S)
    artifacts.delete_all("checkpoints/gone")
    eviction._take_in.cache_clear()
    assert checkpoints.restore(["a"]) is not None
    assert idle_s("gone") is None


def test_a_walk_goes_on_from_the_checkpoint_before_the_one_that_is_gone() -> None:
    keys = ["one", "two", "three"]
    write("one"), write("two")
    assert checkpoints.stored(keys) == 2
    artifacts.delete("checkpoints/two/weights.safetensors")  # between two looks
    found = checkpoints.restore(keys)
    assert found is not None and (found.done, found.tensors[:1], found.structure) == (1, b"t", b"s")
    assert all(stage.cached for stage in found.stages)
    age("one", 2 * SPARED_S)
    assert eviction.remove("one")
    assert checkpoints.restore(keys) is None


def test_what_is_being_written_is_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, removed = artifacts.write, []

    def slowly(name: str, content: bytes) -> None:
        removed.append(eviction.remove("a"))  # by another process
        genuine(name, content)

    monkeypatch.setattr(artifacts, "write", slowly)
    write("a")
    assert not any(removed) and stored("a") == ["a"]


def test_a_store_that_cannot_be_written_ends_no_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy() -> None:
        raise BadInput("the store is busy")

    write("a")
    age("a", 1e6)
    with monkeypatch.context() as patch:
        patch.setattr(eviction, "writing", busy)
        write("b")
        assert checkpoints.restore(["a", "b"]) is not None
    assert stored("a", "b") == ["a", "b"]
    assert "the store is busy" in caplog.text
