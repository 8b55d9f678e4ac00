"""Other assumptions, same run: what was assumed changes, what was measured does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenai_core.analysis.figures import SIGNS, sign
from greenai_core.analysis.recost import NO_GRID, NOT_KEPT, Assumptions, recost, watts_assumed
from greenai_core.energy.carbon import country_intensity
from greenai_core.errors import BadInput
from greenai_core.record import EnergyKind, Record, StageRecord, least_sure
from tests import factory

KINDS = st.sampled_from(sorted(SIGNS))
TAUGHT = factory.spec(model="mlp_student", technique="distill")
ENERGIES = ("energy_train_j", "energy_per_sample_j")


def staged(record: Record, *windows: dict[str, Any]) -> Record:
    """A record whose stages have these windows, and the joules and CPU-seconds of them."""
    stages: list[StageRecord] = [
        record.stages[0].model_copy(
            update={"key": str(i), "window": window, "energy_j": window["net_j"], "cpu_s": window["cpu_s"]}
        )
        for i, window in enumerate(windows)
    ]
    return record.model_copy(update={"stages": tuple(stages), "energy_train_j": sum(w["net_j"] for w in windows)})


def mixed(joules: float, cpu_s: float) -> dict[str, Any]:
    """A window of a graphics card's counter and of CPU time at 4 W."""
    cpu = factory.window("train", "estimated", 4 * cpu_s)
    gpu = factory.window("train", "measured", joules)["components"]["cpu"] | {"source": "nvml:energy"}
    return cpu | {"components": {**cpu["components"], "gpu": gpu}, "net_j": joules + 4 * cpu_s, "cpu_s": cpu_s}


def test_without_assumptions_everything_stays_and_carbon_is_not_guessed() -> None:
    record = factory.record(TAUGHT)
    found = recost(record, Assumptions())
    assert [getattr(found, name) for name in ENERGIES] == [getattr(record, name) for name in ENERGIES]
    assert found.facility_train_j == found.energy_train_j
    assert (found.carbon_train_g, found.carbon_per_million_g, found.carbon_intensity) == (None, None, None)
    assert found.notes == {"carbon_train_g": NO_GRID, "carbon_per_million_g": NO_GRID}


@pytest.mark.parametrize("watts", [2.0, 6.0])
def test_estimates_are_proportional_to_the_watts_of_teachers_too(watts: float) -> None:
    record = factory.record(TAUGHT)
    assert watts_assumed(record) == 4.0
    found = recost(record, Assumptions(w_per_core=watts))
    for name in ENERGIES:
        assert getattr(found, name) == pytest.approx(getattr(record, name) * watts / 4)
    assert f"{watts:g} W per busy core instead of 4 W" in found.assumed[0]


@pytest.mark.parametrize("kind", ["measured", "apportioned"])
def test_watts_do_not_change_what_a_counter_said(kind: EnergyKind) -> None:
    record = factory.record(kind=kind)
    found = recost(record, Assumptions(w_per_core=99.0))
    assert [getattr(found, name) for name in ENERGIES] == [getattr(record, name) for name in ENERGIES]
    assert "read from counters: watts per core do not change them" in found.assumed[0]
    assert watts_assumed(record) is None


def test_of_a_mixed_sum_only_the_estimated_part_changes() -> None:
    found = recost(staged(factory.record(), mixed(100.0, 5.0), mixed(10.0, 1.0)), Assumptions(w_per_core=8.0))
    assert found.energy_train_j == pytest.approx(110.0 + 8.0 * 6.0)


def test_a_stage_that_two_stages_share_changes_once() -> None:
    record = factory.record()
    twice = record.model_copy(update={"stages": (*record.stages, *record.stages)})
    assert recost(twice, Assumptions(w_per_core=8.0)).energy_train_j == pytest.approx(2 * (record.energy_train_j or 0))


def test_a_record_without_its_windows_is_unknown_not_guessed() -> None:
    record = factory.record()
    bare = record.model_copy(update={"stages": (record.stages[0].model_copy(update={"window": {}}),)})
    found = recost(bare, Assumptions(country="NLD", w_per_core=6.0))
    assert (found.energy_train_j, found.facility_train_j, found.carbon_train_g) == (None, None, None)
    assert found.notes["energy_train_j"] == found.notes["carbon_train_g"] == NOT_KEPT
    assert found.energy_per_sample_j is not None
    assert recost(bare, Assumptions()).energy_train_j == record.energy_train_j


def test_unknown_joules_keep_their_reason() -> None:
    record = factory.record(energy_train_j=None, energy_per_sample_j=None, notes={"energy_train_j": "no source"})
    found = recost(record, Assumptions(country="NLD", pue=1.5, w_per_core=6.0))
    assert all(getattr(found, row) is None for row in (*ENERGIES, "facility_train_j", "carbon_per_million_g"))
    assert found.notes["facility_train_j"] == "no source"
    assert {row["value"] for row in found.rows()} == {"unknown"}


def test_a_building_takes_more_than_its_computers() -> None:
    record = factory.record()
    found = recost(record, Assumptions(pue=1.3))
    assert found.energy_train_j == record.energy_train_j
    assert found.facility_train_j == pytest.approx(1.3 * (record.energy_train_j or 0))
    assert found.facility_per_sample_j == pytest.approx(1.3 * (record.energy_per_sample_j or 0))


def test_carbon_is_that_of_the_building_on_the_grid() -> None:
    record, grid = factory.record(), country_intensity("NLD")
    assert grid is not None
    found = recost(record, Assumptions(country="NLD", year=grid.year, pue=1.3))
    assert found.carbon_train_g == pytest.approx(grid.grams(1.3 * (record.energy_train_j or 0)))
    assert found.carbon_per_million_g == pytest.approx(grid.grams(1.3e6 * (record.energy_per_sample_j or 0)))
    assert found.carbon_intensity == grid.as_json()
    assert any("Netherlands, mean of 2023" in sentence for sentence in found.assumed)
    stated = recost(record, Assumptions(g_per_kwh=30.0, year=2030, source="a forecast"))
    assert stated.carbon_train_g == pytest.approx((record.energy_train_j or 0) / 3.6e6 * 30)
    assert any("30 g CO2e per kWh in 2030, stated by: a forecast" in sentence for sentence in stated.assumed)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"pue": 0.9}, "pue: "),
        ({"pue": float("nan")}, "pue: "),
        ({"w_per_core": 0.0}, "w_per_core: "),
        ({"g_per_kwh": -1.0, "source": "x"}, "g_per_kwh: "),
        ({"g_per_kwh": 30.0}, "source: "),
        ({"g_per_kwh": 30.0, "source": "x", "country": "NLD"}, "g_per_kwh: a country"),
        ({"source": "x"}, "source: "),
        ({"year": 2030}, "year: "),
        ({"country": "XXX"}, "country: there is no carbon intensity for 'XXX'"),
        ({"country": "NLD", "year": 2030}, "year: of Netherlands there is the carbon intensity of 2023"),
    ],
)
def test_bad_assumptions_are_refused_by_name(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=f"^{sentence}"):
        recost(factory.record(), Assumptions(**fields))


@given(kind=KINDS, watts=st.floats(0.1, 100), pue=st.floats(1, 5))
def test_a_recosted_figure_wears_the_kind_that_is_stored(kind: EnergyKind, watts: float, pue: float) -> None:
    found = recost(factory.record(kind=kind), Assumptions(w_per_core=watts, pue=pue, g_per_kwh=1.0, source="x"))
    assert (found.energy_train_kind, found.energy_inference_kind) == (kind, kind)
    assert {row["how"] for row in found.rows()} == {sign(kind)}


@given(stored=KINDS, parts=st.lists(KINDS, min_size=1, max_size=4))
def test_a_sum_with_an_estimated_part_is_never_measured(stored: EnergyKind, parts: list[EnergyKind]) -> None:
    windows = [factory.window("train", kind, 1.0 + place) for place, kind in enumerate(parts)]
    found = recost(staged(factory.record(kind=stored), *windows), Assumptions(pue=2.0))
    assert found.energy_train_kind == least_sure([stored, *parts])
    if "estimated" in parts:
        assert found.energy_train_kind == "estimated"
    assert (found.energy_train_kind == "measured") == ({stored, *parts} == {"measured"})
