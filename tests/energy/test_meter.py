"""Windows of the meter: what they hold, what flags them, and what cannot fool them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from greenai_core.energy.benchmark import EnergyStats
from greenai_core.energy.interval import DRIFT
from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.sources._base import Probe, Reading
from greenai_core.energy.sources.cputime import CpuTime
from greenai_core.errors import BadInput
from greenai_core.record import EnergyKind
from tests.energy.workload import work


@dataclass
class Counter:
    """A hardware counter in millijoules that a test drives; it shows that the protocol fits counters."""

    values: list[float]
    id: str = "counter"
    kind: EnergyKind = "measured"
    component: str = "gpu"
    scope: str = "gpu_device"
    min_window_s: float = 0.0
    leases: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=dict)

    def others(self) -> int | None:
        return None

    def probe(self) -> Probe:
        return Probe(True, "advances")

    def read(self) -> Reading:
        return (self.values.pop(0),)

    def joules(self, before: Reading, after: Reading) -> float | None:
        return (after[0] - before[0]) / 1000 if after[0] >= before[0] else None


@dataclass
class Tally(Counter):
    """A counter that a test moves by the joules that it spends."""

    values: list[float] = field(default_factory=list)
    spent: float = 0.0

    def read(self) -> Reading:
        return (1000 * self.spent,)


def meter(*sources: object) -> EnergyMeter:
    return EnergyMeter(sources or [CpuTime(4.0)], constants_origin="a test")  # type: ignore[arg-type]


def test_window_holds_joules_of_the_cpu_time(size: int) -> None:
    with meter().window("train", units=10, unit="image", phase="train") as opened:
        work(size)
    window = opened.closed
    assert (window.label, window.phase, window.status) == ("train", "train", "ok")
    assert (window.kind, window.source, window.scope) == ("estimated", "cputime", "process_tree")
    assert window.gross_j == window.net_j == pytest.approx(4.0 * window.cpu_s, rel=0.05)
    assert window.j_per_unit == pytest.approx(window.net_j / 10)
    assert window.idle_w is None
    assert window.config["w_per_core"] == 4.0


def test_looking_for_children_is_charged_neither_to_the_joules_nor_to_the_cpu_time() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        time.sleep(0.5)  # the child has started, and its own CPU time counts no more
        with meter().window("train") as opened:
            work(1)
        child.communicate(b"\n")
    assert opened.closed.gross_j == pytest.approx(4.0 * opened.closed.cpu_s, rel=0.05)


def test_window_is_json() -> None:
    with meter().window("train") as opened:
        work(1)
    assert json.loads(json.dumps(opened.closed.as_json())) == opened.closed.as_json()


def test_window_can_be_read_while_it_is_open(size: int) -> None:
    with meter().window("train") as opened:
        first = opened.joules_so_far()
        work(size)
        second = opened.joules_so_far()
        with pytest.raises(RuntimeError, match="still open"):
            _ = opened.closed
    assert first is not None
    assert second is not None
    assert first < second <= (opened.closed.gross_j or 0)


def test_an_exception_leaves_an_aborted_window(size: int) -> None:
    with pytest.raises(ZeroDivisionError), meter().window("train") as opened:
        work(size)
        _ = 1 / 0
    assert opened.closed.status == "aborted"
    assert (opened.closed.net_j or 0) > 0


def test_nested_windows_each_hold_their_own_work(size: int) -> None:
    measuring = meter()
    with measuring.window("outer") as outer:
        work(size)
        with measuring.window("inner") as inner:
            work(size)
    assert (outer.closed.net_j or 0) == pytest.approx(2 * (inner.closed.net_j or 0), rel=0.3)


def test_windows_are_long_or_short_by_their_cpu_time() -> None:
    with meter().window("sleep") as asleep:
        time.sleep(0.31)
    start = time.process_time()
    with meter().window("work") as awake:
        while time.process_time() - start < 0.35:
            work(1)
    assert "too_short" in asleep.closed.quality
    assert "too_short" not in awake.closed.quality


def test_neighbours_are_seen_and_flagged(burn: Callable[[], None]) -> None:
    burn()
    with meter().window("work") as opened:
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            time.sleep(0.05)
    assert opened.closed.foreign_cpu_s > 0.1
    assert "shared_machine" in opened.closed.quality


def test_counters_fit_beside_the_estimate() -> None:
    counter = Counter([1_000.0, 5_000.0])
    with meter(CpuTime(4.0), counter).window("train") as opened:
        work(5)
    window = opened.closed
    assert window.components["gpu"] == {
        "source": "counter",
        "kind": "measured",
        "scope": "gpu_device",
        "gross_j": 4.0,
        "idle_w": None,
        "share": 1.0,
        "net_j": 4.0,
    }
    assert "no_idle" in window.quality
    assert window.source == "cputime+counter (idle included)"
    assert window.kind == "estimated"  # a sum is as sure as its least sure part
    assert window.gross_j == pytest.approx(4.0 + 4.0 * window.cpu_s, rel=0.05)


def test_one_unknown_part_makes_the_sum_unknown() -> None:
    with meter(CpuTime(4.0), Counter([9.0, 1.0])).window("train", units=3) as opened:
        work(1)
    assert opened.closed.gross_j is None
    assert opened.closed.net_j is None
    assert opened.closed.j_per_unit is None
    assert "counter" in opened.closed.notes["gross_j"]


def test_benchmark_divides_by_the_units() -> None:
    """A counter that moves by the work itself: twice the work per call is twice the joules, whoever else is busy."""
    single, double, shared = (counted(joules, units) for joules, units in ((3.0, 1), (6.0, 1), (6.0, 2)))
    assert single.j_per_unit == pytest.approx(3.0)
    assert double.j_per_unit == pytest.approx(6.0)
    assert shared.j_per_unit == pytest.approx(3.0)
    assert single.repeats == len(single.windows) == 3
    assert single.ci95_j == pytest.approx(1.96 * DRIFT * 3.0)  # equal windows leave what they cannot show
    assert single.kind == "measured"


def counted(joules_per_call: float, units: int) -> EnergyStats:
    counter = Tally()

    def call() -> None:
        work(1)
        counter.spent += joules_per_call

    return meter(counter).benchmark(call, units, min_window_s=0.01, repeats=3, warmup_s=0.0, max_total_s=60.0)


def test_benchmark_adds_windows_while_it_is_unsure() -> None:
    """Joules that jump between windows: the interval stays wide, so windows are added until time is up."""
    jumping = Counter([float(value) for step in range(500) for value in (0, 1_000 if step % 2 else 5_000)])
    stats = meter(jumping).benchmark(lambda: work(1), 1, min_window_s=0.01, repeats=3, warmup_s=0.0, max_total_s=0.5)
    assert stats.repeats > 3
    assert "high_cv" in stats.quality


def test_benchmark_of_one_short_call_says_so() -> None:
    stats = meter().benchmark(lambda: work(1), 1, min_window_s=0.3, repeats=5, warmup_s=0.0, max_total_s=0.0)
    assert stats.repeats == 1
    assert stats.ci95_j is None
    assert {"too_short", "high_cv"} <= set(stats.quality)


def test_benchmark_ends_though_the_call_uses_no_cpu() -> None:
    stats = meter().benchmark(lambda: time.sleep(0.01), 1, min_window_s=10.0, repeats=2, warmup_s=0.0, max_total_s=0.2)
    assert stats.repeats == 1


def test_description_says_how_and_why_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    described = EnergyMeter.from_settings().describe()
    assert described["kind"] == "estimated"
    assert described["constants"] == {"w_per_core": 4.0}
    assert "convention" in described["constants_origin"]
    assert "RAPL" in described["why_not_more"]
    assert described["carbon"]["intensity"] is None
    assert "GREENAI_COUNTRY" in described["carbon"]["reason"]
    monkeypatch.setenv("GREENAI_WATTS_PER_CORE", "7.5")
    monkeypatch.setenv("GREENAI_COUNTRY", "FRA")
    described = json.loads(json.dumps(EnergyMeter.from_settings().describe()))
    assert described["constants"] == {"w_per_core": 7.5}
    assert "GREENAI_WATTS_PER_CORE" in described["constants_origin"]
    assert described["carbon"]["intensity"]["country"] == "FRA"


def test_a_country_without_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_COUNTRY", "XXX")
    with pytest.raises(BadInput, match=r"GREENAI_COUNTRY.*'XXX'"):
        EnergyMeter.from_settings()


def test_a_counter_that_goes_round_more_than_once_is_followed() -> None:
    """A package at 200 W passes the end of its counter within minutes: whoever asks in between sees every round."""
    wrapping = Round([0.0, 60.0, 20.0, 80.0, 40.0])
    with meter(wrapping).window("train") as opened:
        assert [opened.joules_so_far() for _ in range(3)] == [60.0, 120.0, 180.0]
    assert opened.closed.gross_j == 240.0


@dataclass
class Round(Counter):
    """A counter of joules that begins anew at 100."""

    def joules(self, before: Reading, after: Reading) -> float | None:
        return (after[0] - before[0]) % 100.0


def test_a_reading_that_fails_half_way_costs_nothing() -> None:
    failing = Counter([0.0, 1_000.0, -1.0, 4_000.0])
    with meter(failing).window("train") as opened:
        assert [opened.joules_so_far() for _ in range(2)] == [1.0, None]
    assert opened.closed.gross_j == 4.0
