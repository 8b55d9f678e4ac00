"""The price tag rests on the stages that are most like the planned ones, and says which."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from greenai_core.analysis.cost import (
    ASSUMED_MACS_PER_CPU_S,
    HISTORY,
    MEASURING_S,
    Cost,
    PlannedStage,
    predict,
)

TRAIN = {"name": "train", "dataset": "digits", "model": "mnist_cnn", "epochs": 5, "images": 1000, "macs": 12_000_000}
MACHINE: dict[str, Any] = {"min_window_s": 0.3, "watts_per_core": 4.0, "threads": 2}
RAN = {**TRAIN, "cpu_s": 10.0, "wall_s": 6.0, "energy_j": 40.0}


def planned(**changes: Any) -> PlannedStage:
    return PlannedStage(**{**TRAIN, "trains": True, **changes})


def history(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([*rows])


def price(stage: PlannedStage, table: pd.DataFrame) -> Cost:
    return predict([stage], table, profile="none", **MACHINE).total


def test_the_same_stage_costs_what_it_did() -> None:
    cost = price(planned(), history(RAN, RAN, RAN))
    assert (cost.wall_s, cost.cpu_s, cost.energy_j) == (6.0, 10.0, 40.0)
    assert cost.basis == "3 stored train stages of mnist_cnn on digits on this machine"


@pytest.mark.parametrize("change", [{"epochs": 10}, {"images": 2000}])
def test_twice_the_epochs_or_images_cost_twice(change: dict[str, int]) -> None:
    assert price(planned(**change), history(RAN)).energy_j == pytest.approx(80.0)


def test_one_outlier_does_not_move_the_price() -> None:
    assert price(planned(), history(RAN, RAN, {**RAN, "energy_j": 4000.0})).energy_j == 40.0


def test_likeness_falls_from_technique_to_model_to_anything() -> None:
    other = {**RAN, "model": "mlp_student", "macs": 120_000, "energy_j": 1.0}
    tuned = {**RAN, "name": "fine_tune", "energy_j": 30.0}
    assert price(planned(), history(other, tuned, RAN)).basis.startswith("1 stored train stage of mnist_cnn on digits")
    cost = price(planned(dataset="mnist"), history(other, RAN))
    assert (cost.energy_j, cost.basis) == (40.0, "1 stored training stage of mnist_cnn on this machine")
    cost = price(planned(model="new", macs=240_000), history(other))
    assert cost.energy_j == pytest.approx(2.0)
    assert cost.basis == "1 stored training stage of any model on this machine"


def test_networks_of_similar_size_are_preferred() -> None:
    """After pruning, a network does fewer products per second; its own kind tells that, the dense one does not."""
    dense, pruned = RAN, {**RAN, "macs": 750_000, "energy_j": 8.0}
    assert price(planned(macs=800_000), history(dense, pruned)).energy_j == pytest.approx(8.0 * 800 / 750)


def test_an_empty_store_uses_the_stated_assumption() -> None:
    for table in (pd.DataFrame(), pd.DataFrame(columns=list(HISTORY))):
        cost = price(planned(), table)
        assert cost.cpu_s == pytest.approx(3 * 12e6 * 1000 * 5 / ASSUMED_MACS_PER_CPU_S)
        assert cost.wall_s == pytest.approx(cost.cpu_s / 2)
        assert cost.energy_j == pytest.approx(4.0 * cost.cpu_s)
        assert "no stored run: assumed 15 billion" in cost.basis


def test_a_teacher_adds_its_forward_passes() -> None:
    plain, taught = price(planned(), history()), price(planned(extra_macs=3 * 12e6 * 1000 * 5), history())
    assert taught.cpu_s == pytest.approx(2 * plain.cpu_s)


def test_a_stage_that_does_not_train_costs_what_its_kind_did() -> None:
    pruning = planned(name="l1_channel_pruning", epochs=0, trains=False)
    ran = {**RAN, "name": "l1_channel_pruning", "epochs": 0, "energy_j": 2.0}
    assert price(pruning, history(RAN, ran)).energy_j == 2.0
    assert "assumed" in price(pruning, history(RAN)).basis


def test_rows_that_lack_what_is_needed_are_passed_over() -> None:
    unknown = {**RAN, "macs": None, "energy_j": 1e9}
    unmetered = {**RAN, "energy_j": None}
    assert price(planned(), history(unknown, unmetered)).energy_j == pytest.approx(4.0 * 10.0)


def test_measuring_is_added_by_profile() -> None:
    prices = {p: predict([], history(RAN), profile=p, **MACHINE) for p in ("none", "quick", "full")}  # type: ignore[arg-type]
    for profile, whole in prices.items():
        assert whole.total.wall_s == whole.measuring.wall_s == MEASURING_S[profile]
        assert whole.total.basis == "every stage is stored"
    assert prices["none"].total.energy_j == 0 < prices["quick"].total.energy_j < prices["full"].total.energy_j


@pytest.mark.parametrize(("profile", "seconds"), [("none", 0.0), ("quick", 20.0), ("full", 100.0)])
def test_measuring_takes_longer_by_counters_that_need_longer_windows(profile: Any, seconds: float) -> None:
    measuring = predict([], history(), profile=profile, **{**MACHINE, "min_window_s": 2.0}).measuring
    assert (measuring.wall_s, measuring.energy_j) == (pytest.approx(seconds), pytest.approx(4.0 * seconds))


def test_a_run_costs_the_sum_of_its_parts() -> None:
    stages = [planned(), planned(name="fine_tune", epochs=2)]
    whole = predict(stages, history(RAN), profile="quick", **MACHINE)
    assert whole.total.energy_j == pytest.approx(sum(s.energy_j for s in whole.stages) + whole.measuring.energy_j)
    assert whole.total.basis.count(";") == 1
