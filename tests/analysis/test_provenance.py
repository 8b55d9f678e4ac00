"""Everything a record says of an energy is said, in words; what it does not hold is not made up."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenai_core import wording
from greenai_core.analysis import compare, tables
from greenai_core.analysis.figures import FIGURES, SIGNS, sign
from greenai_core.analysis.provenance import Quantity, provenance
from greenai_core.energy.carbon import country_intensity
from greenai_core.record import EnergyKind, Record
from greenai_core.store import records
from tests import factory

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
KINDS = st.sampled_from(sorted(SIGNS))
OTHERS = {
    "measured": ("apportioned", "estimated"),
    "apportioned": ("measured", "estimated"),
    "estimated": ("measured", "apportioned"),
}


def facts(record: Record, quantity: Quantity = "training") -> dict[str, str]:
    """Every fact by its name; several of one name are joined."""
    found: dict[str, str] = {}
    for _, pairs in provenance(record, quantity):
        for name, text in pairs:
            found[name] = "; ".join(filter(None, (found.get(name), text)))
    return found


def with_window(**changes: Any) -> Record:
    """A record of one stage whose window has these fields as well."""
    record = factory.record()
    stage = record.stages[0]
    return record.model_copy(update={"stages": (stage.model_copy(update={"window": {**stage.window, **changes}}),)})


def test_an_estimate_says_its_watts_and_who_chose_them() -> None:
    found = facts(factory.record())
    assert found["Obtained"] == f"○ estimated: {wording.KINDS['estimated']}"
    assert "cputime" in found["Processor"]
    assert found["Watts per busy core"] == "4 W: a test"
    assert found["Idle machine"].startswith("none to subtract")
    assert found["Alone on the machine"].startswith("not needed")
    assert found["Own processor time"].endswith(" s")


def test_a_counter_says_its_idle_power_and_who_else_was_there() -> None:
    measured = facts(factory.record(kind="measured"), "inference")
    assert "rapl:package" in measured["Processor"]
    assert "Watts per busy core" not in measured
    assert measured["Idle machine"] == "2.00 J subtracted, at 2.00 W, measured up to 1.00 h before"
    assert measured["Alone on the machine"].startswith("yes")
    shared = facts(factory.record(kind="apportioned"))
    assert shared["Alone on the machine"] == "in 0 of 1 window"


def test_why_it_was_not_alone_is_said() -> None:
    window = factory.window("train", "apportioned", 8.0) | {"notes": {"exclusive": "another run held the lease"}}
    assert "another run held the lease" in facts(with_window(**window))["Alone on the machine"]


def test_inference_says_repeats_and_interval() -> None:
    record = factory.record()
    timed = record.measurements[0].model_copy(update={"energy_per_sample_ci95_j": record.energy_per_sample_j or 0})
    found = facts(record.model_copy(update={"measurements": (timed,)}), "inference")
    assert found["95 % interval"].endswith("(100.0 % of the mean)")
    assert found["Windows"].startswith("1 repeat, ")
    assert found["Runtime"] == "onnxruntime 1.31.1"
    assert facts(record, "inference")["95 % interval"].startswith("unknown")


@pytest.mark.parametrize("flag", sorted(wording.FLAGS))
def test_every_flag_is_said_in_plain_words(flag: str) -> None:
    assert facts(with_window(quality=[flag]))["Reason to doubt"] == f"{flag}: {wording.FLAGS[flag]}"
    assert facts(factory.record())["Reasons to doubt"] == "none"


def test_idle_power_that_is_not_known_is_not_subtracted_in_silence() -> None:
    window = factory.window("train", "measured", 8.0) | {"idle_w": None, "idle_j": None}
    assert facts(with_window(**window))["Idle machine"] == wording.FLAGS["no_idle"]


def test_codecarbon_stands_beside_ours_with_the_reason_why_it_differs() -> None:
    check = {"version": "3.3.2", "mode": "cpu_load", "tdp_w": 16.0, "w_per_core": 8.0, "energy_j": 0.0}
    gross = factory.record().stages[0].window["gross_j"]
    found = facts(with_window(codecarbon={**check, "energy_j": 2 * gross}))
    assert found["codecarbon"] == "3.3.2, mode cpu_load"
    assert found["Its joules over ours, gross"] == "2.00"
    assert "a ratio of 2.00 is meant to be" in found["Why they differ"]
    counter = facts(with_window(codecarbon={**check, "mode": "intel_rapl", "w_per_core": None}))
    assert counter["Why they differ"] == wording.CODECARBON["intel_rapl"]
    assert facts(factory.record())["codecarbon"] == "none: not asked"


def test_carbon_says_its_grid_or_why_there_is_none() -> None:
    grid = country_intensity("NLD")
    assert grid is not None
    found = facts(factory.record(carbon_train_g=0.5, carbon_intensity=grid.as_json()))
    assert found["Training carbon"] == "500 mg CO2e"
    assert "NLD" in found["Of"] and "2023" in found["Of"] and "codecarbon" in found["Of"]
    silent = factory.record(notes={"carbon_intensity": "no country is set"})
    assert facts(silent)["Carbon intensity"] == "unknown: no country is set"


def test_the_key_is_that_of_the_quantity() -> None:
    record = factory.record(host="there")
    assert facts(record)["Key"] == "there-train"
    assert facts(record, "inference")["Key"] == "there-onnxruntime"
    assert facts(factory.record(comparability=None))["Key"].startswith("none")


def test_an_old_window_says_what_was_not_stored() -> None:
    old = ("exclusive", "idle_age_s", "idle_j", "schema")
    window = {name: value for name, value in factory.window("train", "measured", 8.0).items() if name not in old}
    record = with_window()
    stage = record.stages[0].model_copy(update={"window": window})
    assert facts(record.model_copy(update={"stages": (stage,)}))["Alone on the machine"] == "not stored"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_record_that_holds_nothing_still_reads(quantity: Quantity) -> None:
    record = factory.record()
    nothing = dict.fromkeys(("energy_train_j", "energy_per_sample_j", "energy_train_kind"))
    bare = record.model_copy(
        update={**nothing, "stages": (), "measurements": (), "environment": {}, "provenance": {}, "notes": {}}
    )
    for heading, pairs in provenance(bare, quantity):
        assert pairs, heading
        assert all(name and text and "None" not in text for name, text in pairs), pairs


@given(kind=KINDS)
def test_a_figure_wears_the_sign_of_its_kind_and_no_other(kind: EnergyKind) -> None:
    record = factory.record(kind=kind)
    for quantity in QUANTITIES:
        obtained = facts(record, quantity)["Obtained"]
        assert obtained.startswith(sign(kind))
        assert not any(SIGNS[other] in obtained for other in OTHERS[kind])
    cells = compare.side_by_side([record]).set_index("Figure").iloc[:, 0]
    for figure in FIGURES.values():
        if figure.kind_column and figure.title in cells.index:
            assert cells[figure.title].endswith(SIGNS[kind])


@pytest.mark.parametrize("known", [True, False])
def test_the_table_signs_each_row_by_its_own_kind_and_no_unknown_energy(known: bool) -> None:
    change = {} if known else {"energy_train_j": None}
    for seed, kind in enumerate(SIGNS):
        records.save(factory.record(factory.spec(seed=seed), kind=kind, **change))
    frame, _ = tables.shown(records.table())
    signed = frame.set_index("seed")
    assert dict(signed["energy_per_sample_j_kind"]) == {seed: sign(kind) for seed, kind in enumerate(SIGNS)}
    wanted = {seed: sign(kind) for seed, kind in enumerate(SIGNS)} if known else {}
    assert dict(signed["energy_train_j_kind"].dropna()) == wanted
