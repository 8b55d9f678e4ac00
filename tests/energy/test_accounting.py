"""What of the counters' joules is the work's, and that no account says more than its sources know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenai_core.energy.accounting import account, total
from greenai_core.energy.edge import Span
from greenai_core.energy.idle import IdleBaseline
from greenai_core.energy.sources._base import Component, Reading, Scope
from greenai_core.record import CERTAINTY, EnergyKind
from tests.energy.meters import Mutant

CORES = psutil.cpu_count() or 1


@dataclass(frozen=True)
class Known(Mutant):
    """A source whose readings are joules."""

    id: str = "known"
    kind: EnergyKind = "measured"
    component: Component = "cpu"
    scope: Scope = "cpu_package"
    constants: dict[str, float] = field(default_factory=dict)

    def read(self) -> Reading:
        raise AssertionError("edges are given")

    def joules(self, before: Reading, after: Reading) -> float | None:
        return after[0] - before[0] if after[0] >= before[0] else None


def passed(wall_s: float = 10.0, cpu_s: float = 1.0, foreign_s: float = 0.0) -> Span:
    return Span(wall_s, cpu_s, foreign_s, 0.5)


def idle(**watts: float) -> IdleBaseline:
    return IdleBaseline(watts, measured_at=0.0, seconds=5.0)


def test_alone_on_the_machine_all_but_the_idle_part_is_ours() -> None:
    found = account([Known()], [100.0], passed(), idle=idle(known=4.0), exclusive=True)
    assert (found.gross_j, found.idle_w, found.idle_j, found.net_j) == (100.0, 4.0, 40.0, 60.0)
    assert (found.kind, found.quality) == ("measured", ())


@pytest.mark.parametrize(("exclusive", "foreign_s"), [(False, 0.0), (True, 2.0 * CORES), (False, 2.0 * CORES)])
def test_in_company_joules_are_shared_out_by_cpu_time(exclusive: bool, foreign_s: float) -> None:
    found = account(
        [Known()], [100.0], passed(cpu_s=3.0, foreign_s=foreign_s), idle=idle(known=4.0), exclusive=exclusive
    )
    assert found.net_j == pytest.approx(60.0 * 3.0 / (3.0 + foreign_s))
    assert found.kind == "apportioned"
    assert ("shared_machine" in found.quality) == (foreign_s > 0)


def test_an_unknown_idle_part_is_not_subtracted_and_said() -> None:
    found = account([Known()], [100.0], passed(), idle=None, exclusive=True)
    assert (found.idle_w, found.idle_j, found.net_j) == (None, None, 100.0)
    assert found.quality == ("no_idle",)


def test_a_shared_device_is_flagged_and_not_shared_out() -> None:
    gpu = Known(id="card", component="gpu", scope="gpu_device")
    for exclusive, strangers in ((False, []), (True, ["card"])):
        found = account([gpu], [100.0], passed(), idle=idle(card=1.0), exclusive=exclusive, strangers=strangers)
        assert (found.net_j, found.kind, found.quality) == (90.0, "measured", ("shared_gpu",))
    assert not account([gpu], [100.0], passed(), idle=idle(card=1.0), exclusive=True).quality


def test_one_unknown_part_makes_the_sum_unknown() -> None:
    sources = [Known(), Known(id="card", component="gpu")]
    found = account(sources, [100.0, None], passed(), idle=None, exclusive=True)
    assert (found.gross_j, found.net_j) == (None, None)
    assert found.components["cpu"]["net_j"] == 100.0
    assert "card" in found.notes["gross_j"]
    assert (total([]), total([1.0, 2.0]), total([1.0, None])) == (0, 3.0, None)


parts = st.builds(
    lambda kind, scope: {"kind": kind, "scope": scope},
    st.sampled_from(CERTAINTY),
    st.sampled_from(["cpu_package", "gpu_device", "process_tree"]),
)


@given(
    described=st.lists(parts, min_size=1, max_size=3),
    joules=st.lists(st.floats(0, 1e6), min_size=3, max_size=3),
    wall_s=st.floats(0.01, 1e4),
    own=st.floats(0, 1),
    foreign=st.floats(0, 1),
    exclusive=st.booleans(),
    calibrated=st.booleans(),
)
def test_no_account_is_surer_than_its_parts(
    described: list[dict[str, Any]],
    joules: list[float],
    wall_s: float,
    own: float,
    foreign: float,
    exclusive: bool,
    calibrated: bool,
) -> None:
    """An estimate never becomes a measurement, and who was not alone on a package did not measure."""
    components: tuple[Component, ...] = ("cpu", "gpu", "ram")
    sources = [Known(id=f"s{i}", component=components[i], **part) for i, part in enumerate(described)]
    span = passed(wall_s, own * wall_s, foreign * wall_s)
    baseline = idle(**{source.id: 0.0 for source in sources}) if calibrated else None
    found = account(sources, joules[: len(sources)], span, idle=baseline, exclusive=exclusive)
    assert all(CERTAINTY.index(found.kind) <= CERTAINTY.index(source.kind) for source in sources)
    packages = [source for source in sources if source.scope == "cpu_package"]
    if packages and (not exclusive or "shared_machine" in found.quality):
        assert found.kind != "measured"
    assert found.net_j is not None and found.gross_j is not None
    assert found.net_j <= found.gross_j * (1 + 1e-9)
