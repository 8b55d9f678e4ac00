from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from greenai_core.analysis import replicates
from greenai_core.errors import BadInput
from greenai_core.store import records
from tests import factory

FIGURES = ("accuracy_val", "size_bytes", "energy_per_sample_j")


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Runs as `records.table` returns them, as far as points need it."""
    alike = dict.fromkeys(replicates.SHARED, "same") | {"created_at": "2026", "origin": "own"}
    figures = {"accuracy_val": 0.9, "size_bytes": 1000, "energy_per_sample_j": 1.0}
    runs = [{**alike, **figures, "replicate_key": "a", "run_id": f"run{n}", **row} for n, row in enumerate(rows)]
    return pd.DataFrame(runs)


def seeds(values: np.ndarray, name: str, **columns: Any) -> pd.DataFrame:
    """Values (points, seeds) of one figure, one run each."""
    key, seed = np.indices(values.shape)
    runs = {"replicate_key": key.ravel(), "seed": seed.ravel(), name: values.ravel()}
    return pd.DataFrame(
        {**dict.fromkeys(replicates.SHARED, "same"), "origin": "own", "created_at": "2026", **runs}
    ).assign(run_id=np.arange(values.size).astype(str), **columns)


def held(found: pd.DataFrame, name: str, truth: float) -> float:
    """How often the interval holds the truth."""
    return float(((found[f"{name}_low"] <= truth) & (truth <= found[f"{name}_high"])).mean())


def test_stored_replicates_become_one_point_each() -> None:
    for record in factory.records(3):
        records.save(record)
    runs = records.table()
    found = replicates.points(runs, FIGURES)
    assert len(found) == runs["replicate_key"].nunique() == 11
    for row in found.to_dict("records"):
        mine = runs[runs["replicate_key"] == row["replicate_key"]]
        assert row["run_ids"] == tuple(mine["run_id"])
        assert row["run_id"] == mine["run_id"].iloc[0]
        assert (row["seeds"], row["created_at"], row["origin"]) == (3, mine["created_at"].max(), "own")
        assert {row[name] for name in ("model", "technique", "sparsity")} == set(
            mine.iloc[0][["model", "technique", "sparsity"]]
        )
        for name in FIGURES:
            half = 4.302652729911275 * mine[name].std() / math.sqrt(3)
            assert row[name] == pytest.approx(mine[name].mean())
            assert row[f"{name}_high"] - row[name] == pytest.approx(min(half, 1 - row[name]) if "acc" in name else half)
        assert row["size_bytes_low"] == row["size_bytes"] == row["size_bytes_high"]


@st.composite
def stores(draw: st.DrawFn) -> pd.DataFrame:
    """Few keys and seeds, so that repeated seeds and single ones are common."""
    row = st.fixed_dictionaries(
        {
            "replicate_key": st.sampled_from("abc"),
            "seed": st.integers(0, 3),
            "origin": st.sampled_from(["own", "bank"]),
            "energy_per_sample_j": st.one_of(st.just(math.nan), st.floats(0.1, 10)),
        }
    )
    return table(draw(st.lists(row, min_size=1, max_size=20)))


@settings(max_examples=50)
@given(stores())
def test_points_are_the_definition(runs: pd.DataFrame) -> None:
    found = replicates.points(runs, ["energy_per_sample_j"])
    assert list(found["replicate_key"]) == list(dict.fromkeys(runs["replicate_key"]))
    for row in found.to_dict("records"):
        mine = runs[runs["replicate_key"] == row["replicate_key"]]
        assert row["run_ids"] == tuple(mine["run_id"])
        assert row["seeds"] == len(set(mine["seed"]))
        assert row["origin"] == (replicates.BOTH if len(set(mine["origin"])) > 1 else mine["origin"].iloc[0])
        values = [group["energy_per_sample_j"].dropna() for _, group in mine.groupby("seed")]
        known = [statistics.fmean(each) for each in values if len(each)]
        assert row["energy_per_sample_j_seeds"] == len(known)
        low, high = (row[f"energy_per_sample_j_{end}"] for end in ("low", "high"))
        if len(known) < 2:
            assert math.isnan(low) and math.isnan(high)
            continue
        mean, error = statistics.fmean(known), statistics.stdev(known) / math.sqrt(len(known))
        assert row["energy_per_sample_j"] == pytest.approx(mean)
        half = stats.t.ppf(0.975, len(known) - 1) * error
        assert (low, high) == (pytest.approx(max(0.0, mean - half), abs=1e-9), pytest.approx(mean + half, abs=1e-9))


def test_every_seed_counts_once() -> None:
    again = [{"seed": 0, "accuracy_val": 0.8}, {"seed": 0, "accuracy_val": 0.9, "origin": "bank"}]
    (row,) = replicates.points(table([*again, {"seed": 1, "accuracy_val": 0.95}]), ["accuracy_val"]).to_dict("records")
    assert row["accuracy_val"] == pytest.approx(0.9)
    assert row["accuracy_val_sd"] == pytest.approx(statistics.stdev([0.85, 0.95]))
    assert (row["seeds"], len(row["run_ids"]), row["origin"]) == (2, 3, replicates.BOTH)


def test_what_each_seed_tells_is_in_the_order_of_the_points() -> None:
    runs = table(
        [
            {"replicate_key": key, "seed": seed, "accuracy_val": accuracy}
            for key, seed, accuracy in (("b", 1, 0.8), ("a", 0, 0.5), ("b", 0, 0.6), ("b", 1, 0.9))
        ]
    )
    found = replicates.by_seed(runs, ["accuracy_val"])
    assert list(replicates.points(runs, FIGURES)["replicate_key"]) == ["b", "a"]
    assert list(found.index) == [(0, 0), (0, 1), (1, 0)]
    assert found["accuracy_val"].tolist() == pytest.approx([0.6, 0.85, 0.5])


def test_one_seed_has_no_interval_but_that_of_its_readings() -> None:
    readings = {"energy_per_sample_ci95_j": 0.3}
    once = replicates.points(table([{"seed": 0, **readings}]), FIGURES).iloc[0]
    assert (once["energy_per_sample_j_low"], once["energy_per_sample_j_high"]) == (0.7, 1.3)
    twice = [{"seed": 0, **readings}, {"seed": 0, "energy_per_sample_j": 2.0, "energy_per_sample_ci95_j": 0.4}]
    again = replicates.points(table(twice), FIGURES).iloc[0]
    assert again["energy_per_sample_j_high"] - again["energy_per_sample_j"] == pytest.approx(0.25)  # half of hypot
    twice[0]["energy_per_sample_ci95_j"] = None
    unknown = replicates.points(table(twice), FIGURES).iloc[0]
    for row in (replicates.points(table([{"seed": 0}]), FIGURES).iloc[0], unknown):
        assert row[[f"{name}_{end}" for name in FIGURES for end in ("low", "high", "sd")]].isna().all()


def test_what_differs_within_a_point_is_unknown() -> None:
    runs = table([{"seed": 0}, {"seed": 1, "inference_key": "elsewhere"}])
    row = replicates.points(runs, FIGURES).iloc[0]
    assert (
        pd.isna(row["inference_key"]) and pd.isna(row["energy_per_sample_j"]) and row["energy_per_sample_j_seeds"] == 0
    )
    assert (row["model"], row["size_bytes"], row["accuracy_val"]) == ("same", 1000, 0.9)
    kinds = table([{"seed": 0}, {"seed": 1, "energy_inference_kind": "measured"}])
    assert pd.isna(replicates.points(kinds, FIGURES).iloc[0]["energy_per_sample_j"])
    unknown = table([{"seed": 0, "temperature": math.nan}, {"seed": 1, "temperature": 4.0}])
    assert pd.isna(replicates.points(unknown, FIGURES).iloc[0]["temperature"])


def test_an_interval_stays_within_what_a_figure_can_be() -> None:
    rows = [{"seed": 0, "accuracy_val": 0.9}, {"seed": 1, "accuracy_val": 1.0, "energy_per_sample_j": 3.0}]
    row = replicates.points(table(rows), FIGURES).iloc[0]
    assert (row["accuracy_val_high"], row["energy_per_sample_j_low"]) == (1.0, 0.0)
    assert row["energy_per_sample_j_high"] > 10


def test_an_empty_store_has_no_points() -> None:
    found = replicates.points(records.table(), FIGURES)
    assert found.empty
    assert {"run_ids", "seeds", "accuracy_val_low"} <= set(found.columns)


def test_an_unknown_figure_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="speed"):
        replicates.points(records.table(), ["speed"])


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_intervals_hold_the_truth_as_often_as_they_say(count: int) -> None:
    noise = np.random.default_rng(count).normal(size=(6000, count))
    found = replicates.points(seeds(0.9 + 0.001 * noise, "accuracy_val"), ["accuracy_val"])
    assert 0.93 <= held(found, "accuracy_val", 0.9) <= 0.97


@pytest.mark.parametrize("between", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_errors_of_readings_are_counted_once(count: int, between: float) -> None:
    """With one seed the interval is of that model's energy; with more, of the mean over the seeds."""
    generator = np.random.default_rng(count)
    models = 1 + 0.01 * between * generator.normal(size=(6000, count)) * (count > 1)
    runs = seeds(models + 0.01 * generator.normal(size=models.shape), "energy_per_sample_j")
    found = replicates.points(runs.assign(energy_per_sample_ci95_j=0.0196), ["energy_per_sample_j"])
    assert 0.93 <= held(found, "energy_per_sample_j", 1.0) <= 0.97


def test_quantiles_are_students() -> None:
    degrees = np.array([[1.0, 2.0], [9.0, 0.0]])
    assert replicates.quantile(degrees)[0] == pytest.approx([12.7062, 4.30265], rel=1e-5)
    assert replicates.quantile(degrees)[1] == pytest.approx([2.26216, math.nan], rel=1e-5, nan_ok=True)
    assert replicates.quantile(np.array([5.0]), 0.001) == pytest.approx(5.89343, rel=1e-5)
