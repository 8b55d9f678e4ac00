"""RAPL on a tree of files: every joule once, across wrap-arounds, and never 0 for what cannot be read."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from greenai_core.energy.sources.rapl import Rapl
from tests.energy.powercap import RANGE_UJ, FakePowercap

PAUSE = "greenai_core.energy.sources._counters.sleep"


def joules(source: Rapl, spend: Callable[[], object]) -> float | None:
    before = source.read()
    spend()
    return source.joules(before, source.read())


@pytest.mark.parametrize("wraps", [False, True])
def test_watts_times_seconds(wraps: bool, tmp_path: Path) -> None:
    """Within 2 %, however busy the machine: the window lasts until its end is known to 1 % of it."""
    watts, seconds = random.SystemRandom().uniform(20, 200), random.SystemRandom().uniform(0.3, 0.8)
    start_uj = RANGE_UJ - round(watts * seconds / 2 * 1e6) if wraps else 5_000_000
    tree = FakePowercap(tmp_path, start_uj=start_uj)
    source = Rapl(tmp_path)
    before = source.read()
    with tree.driven(watts) as began_s:
        while True:
            time.sleep(0.02)
            lasted_s = tree.refresh() - began_s
            after = source.read()
            unsure_s = time.perf_counter() - began_s - lasted_s
            if lasted_s >= seconds and unsure_s <= 0.01 * lasted_s:
                break
    assert (after[0] < before[0]) == wraps
    assert source.joules(before, after) == pytest.approx(watts * lasted_s, rel=0.02)


def test_a_wrap_around_is_made_up_for_exactly(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, start_uj=RANGE_UJ - 10_000_000)
    assert joules(Rapl(tmp_path), lambda: tree.advance(63)) == pytest.approx(63, abs=1e-9)


def test_packages_add_up_and_wrap_each_for_itself(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, ["package-0", "package-1"])
    tree.advance(RANGE_UJ / 1e6 - 10, "package-1")

    def spend() -> None:
        tree.advance(7, "package-0")
        tree.advance(63, "package-1")

    assert joules(Rapl(tmp_path), spend) == pytest.approx(70, abs=1e-9)


def test_a_wrap_around_of_unknown_range_is_unknown(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, start_uj=RANGE_UJ - 10_000_000)
    for file in tmp_path.rglob("max_energy_range_uj"):
        file.unlink()
    source = Rapl(tmp_path)
    assert joules(source, lambda: tree.advance(5)) == pytest.approx(5, abs=1e-9)
    assert joules(source, lambda: tree.advance(63)) is None


@pytest.mark.parametrize("where", [".", "intel-rapl"])
def test_a_package_is_counted_once_wherever_the_tree_is_entered(where: str, tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path)
    assert joules(Rapl(tmp_path / where), lambda: tree.advance(63)) == pytest.approx(63, abs=1e-9)


def test_other_views_and_zones_are_not_packages(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, ["package-0", "psys", "dram"])
    (tmp_path / "intel-rapl-mmio:0").symlink_to("intel-rapl/intel-rapl:0")
    assert joules(Rapl(tmp_path), lambda: tree.advance(63)) == pytest.approx(63, abs=1e-9)


def test_dies_that_show_the_counter_of_their_socket_count_once(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, [f"package-{socket}-die-{die}" for socket in (0, 1) for die in (0, 1)])
    assert joules(Rapl(tmp_path), lambda: tree.advance(10)) == pytest.approx(20, abs=1e-9)


def test_dies_with_counters_of_their_own_all_count(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, ["package-0-die-0", "package-0-die-1"])
    tree.advance(1_000, "package-0-die-1")
    assert joules(Rapl(tmp_path), lambda: tree.advance(10)) == pytest.approx(20, abs=1e-9)


def test_sockets_whose_counters_happen_to_agree_all_count(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, ["package-1", "package-10"])
    assert joules(Rapl(tmp_path), lambda: tree.advance(10)) == pytest.approx(20, abs=1e-9)


def test_a_reading_that_fails_makes_the_joules_unknown(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path, ["package-0", "package-1"])
    source = Rapl(tmp_path)
    assert joules(source, tree.counters["package-1"].unlink) is None


def test_a_counter_that_advances_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = FakePowercap(tmp_path, start_uj=RANGE_UJ - 1_000_000)
    monkeypatch.setattr(PAUSE, lambda seconds: tree.advance(3))
    probe = Rapl(tmp_path).probe()
    assert probe.ok
    assert "package-0" in probe.reason


def test_every_counter_must_advance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = FakePowercap(tmp_path, ["package-0", "package-1"])
    monkeypatch.setattr(PAUSE, lambda seconds: tree.advance(3, "package-0"))
    probe = Rapl(tmp_path).probe()
    assert not probe.ok
    assert "does not advance" in probe.reason


def test_a_counter_that_holds_no_number_is_refused(tmp_path: Path) -> None:
    tree = FakePowercap(tmp_path)
    tree.counters["package-0"].write_text("nonsense")
    probe = Rapl(tmp_path).probe()
    assert not probe.ok
    assert f"{tmp_path / 'intel-rapl:0' / 'energy_uj'} cannot be read" in probe.reason


def test_links_into_a_tree_that_is_hidden_are_no_packages(tmp_path: Path) -> None:
    (tmp_path / "intel-rapl:0").symlink_to(tmp_path / "nowhere")
    probe = Rapl(tmp_path).probe()
    assert not probe.ok
    assert "containers" in probe.reason
