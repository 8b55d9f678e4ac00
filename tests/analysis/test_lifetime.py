"""Lifetime energies are added, ranked and paid back only where both parts compare."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from greenai_core import units
from greenai_core.analysis import pareto
from greenai_core.analysis.contenders import Contender, answer, baselines, contenders, names, table, telling
from greenai_core.analysis.explore import Filters
from greenai_core.analysis.lifetime import KEYS, Lifetime, pick, points, scale
from greenai_core.analysis.recost import Assumptions
from greenai_core.errors import BadInput
from greenai_core.record import Record, with_teachers
from greenai_core.store import records
from greenai_core.store.database import writing
from tests import factory

JOULES = (units.ENERGY, 1.0)


def run(
    technique: str = "dense", seed: int = 0, *, train: float, sample: float, accuracy: float = 0.9, **options: Any
) -> Record:
    """A run with energies that are easily added; `options` are those of a spec and of a record."""
    of_spec = {name: options.pop(name) for name in ("model", "sparsity") if name in options}
    if technique not in ("dense", "distill"):
        of_spec.setdefault("sparsity", 0.8)
    energies = {"energy_train_j": train, "energy_per_sample_j": sample, "energy_per_sample_b1_j": 2 * sample}
    spec = factory.spec(technique=technique, seed=seed, **of_spec)
    return factory.record(spec, **{**energies, "accuracy_val": accuracy, **options})


def stored(runs: Iterable[Record]) -> pd.DataFrame:
    with writing() as connection:
        records.insert(connection, *runs)
    return records.table()


def shown(runs: Iterable[Record], predictions: float = 1e6, **options: Any) -> dict[str, Contender]:
    lifetime = Lifetime(predictions)
    (front,) = lifetime.fronts(points(stored(runs)))
    return {one.name: one for one in contenders(front, lifetime, **options)}


DENSE, PRUNED, MASKED = (
    "dense, mnist_cnn",
    "l1_channel_pruning, mnist_cnn, sparsity 0.80",
    "magnitude_pruning, mnist_cnn",
)


def usual() -> list[Record]:
    """Dense, pruned and masked, three seeds each."""
    return [
        run(technique, seed, train=train + 10 * seed, sample=sample * (1 + seed / 100), accuracy=accuracy - seed / 1000)
        for technique, train, sample, accuracy in (
            ("dense", 560.0, 7.5e-4, 0.920),
            ("l1_channel_pruning", 640.0, 1.5e-4, 0.915),
            ("magnitude_pruning", 780.0, 7.6e-4, 0.916),
        )
        for seed in range(3)
    ]


@pytest.mark.parametrize(("serving", "joules"), [("In batches", 1560.0), ("One by one", 2560.0)])
def test_a_lifetime_is_making_the_model_and_every_prediction(serving: str, joules: float) -> None:
    (front,) = Lifetime(1e6, serving).fronts(stored([run(train=560.0, sample=1e-3)]))
    assert front.table["lifetime_j"].tolist() == pytest.approx([joules])
    assert front.points["lifetime_j"].iloc[0] == pytest.approx(joules)


def test_making_a_student_includes_its_teacher() -> None:
    taught = factory.record(factory.spec(model="mlp_student", technique="distill"))
    (front,) = Lifetime(0).fronts(stored([taught]))
    parts = list(with_teachers(taught.stages))
    assert len(parts) == 2
    assert front.table["lifetime_j"].tolist() == pytest.approx([sum(part.energy_j or 0.0 for part in parts)])


@pytest.mark.parametrize("key", KEYS)
def test_runs_that_differ_in_one_key_or_kind_are_never_ranked_together(key: str) -> None:
    known = stored([run(train=560.0, sample=1e-3), run(seed=1, train=1.0, sample=1e-9)])
    assert len(Lifetime(1e6).fronts(known)) == 1
    other = known.assign(**{key: ["elsewhere", known[key].iloc[1]]})
    groups = Lifetime(1e6).fronts(other)
    assert [len(group.table) for group in groups] == [1, 1]
    assert all(group.mask.all() for group in groups)
    assert len(Lifetime(1e6).fronts(points(other))) == 2


@pytest.mark.parametrize("missing", ["energy_train_j", "energy_per_sample_j", "comparability"])
def test_a_run_that_lacks_a_part_is_in_no_group(missing: str) -> None:
    known = stored([run(train=560.0, sample=1e-3), run(seed=1, train=1.0, sample=1e-9, **{missing: None})])
    for rows in (known, points(known)):
        (group,) = Lifetime(1e6).fronts(rows)
        assert group.table["energy_train_j"].tolist() == [560.0]


@pytest.mark.parametrize("predictions", [0.0, 1e6, 1e9])
def test_the_front_is_of_accuracy_and_lifetime(predictions: float) -> None:
    draw = np.random.default_rng(3)
    runs = [
        run(seed=seed, train=draw.uniform(1, 900), sample=draw.uniform(1e-6, 1e-3), accuracy=draw.uniform(0.8, 0.9))
        for seed in range(40)
    ]
    (front,) = Lifetime(predictions).fronts(stored(runs))
    rows = front.table.to_dict("records")
    cost = [row["energy_train_j"] + predictions * row["energy_per_sample_j"] for row in rows]
    beaten = [
        any(
            other["accuracy_val"] >= row["accuracy_val"] and theirs <= own and other["run_id"] != row["run_id"]
            for other, theirs in zip(rows, cost, strict=True)
        )
        for row, own in zip(rows, cost, strict=True)
    ]
    assert (~front.mask).tolist() == beaten
    assert front.table["lifetime_j"].tolist() == pytest.approx(cost)


@pytest.mark.parametrize("predictions", [1e3, 1e9])
def test_as_an_axis_it_ranks_the_means_of_recipes_alike(predictions: float) -> None:
    stored(usual())
    found = factory.view(Filters("digits", cost="Lifetime energy", predictions=predictions))
    (front,) = Lifetime(predictions).fronts(points(records.table()))
    assert found is not None and found.kind == "estimated"
    mine, theirs = (
        each.table.assign(front=each.mask).set_index("replicate_key").sort_index() for each in (found.front, front)
    )
    assert mine["lifetime_j"].to_numpy() == pytest.approx(theirs["lifetime_j"].to_numpy())
    assert mine["front"].tolist() == theirs["front"].tolist()


def test_as_an_axis_it_keeps_apart_what_does_not_add_up() -> None:
    here, there = run(train=560.0, sample=1e-3), run(seed=1, train=1.0, sample=1e-9, host="elsewhere")
    unsure = run(seed=2, train=1.0, sample=1e-9, energy_inference_kind="measured")
    unknown = run(seed=3, train=1.0, sample=1e-9, energy_train_j=None, notes={"energy_train_j": "not measured"})
    table = Lifetime(1e6).served(stored([here, there, unsure, unknown])).set_index("run_id")
    assert table["lifetime_key"].nunique() == 3
    assert table.loc[unsure.run_id, "lifetime_kind"] == "estimated"  # a sum is as sure as its least sure part
    assert np.isnan(table.loc[unknown.run_id, "lifetime_j"])
    found = factory.view(Filters("digits", cost="Lifetime energy"))
    assert found is not None and len(found.runs) == 1 and len(found.others) == 2 and found.unknown == 1


def test_pick_ranking_and_front_move_with_the_predictions() -> None:
    few, many = shown(usual(), 1e3), shown(usual(), 1e9)
    assert [one.name for one in few.values() if one.picked] == [DENSE]
    assert [one.name for one in many.values() if one.picked] == [PRUNED]
    assert (few[DENSE].rank, many[DENSE].rank) == (1, 2)
    assert (few[PRUNED].on_front, many[PRUNED].on_front) == (False, True)


def test_the_pick_is_within_one_point_of_the_best() -> None:
    poor = run("l1_channel_pruning", train=1.0, sample=1e-9, accuracy=0.9 - pareto.POINT - 1e-6)
    (front,) = Lifetime(1e6).fronts(stored([run(train=560.0, sample=1e-3), poor]))
    assert pick(front) != poor.run_id
    assert pick(front, within=0.02) == poor.run_id


def test_points_are_means_over_seeds_with_their_standard_errors() -> None:
    trains, samples = [600.0, 640.0, 710.0], [1.1e-4, 1.5e-4, 1.3e-4]
    runs = [
        run(seed=seed, train=train, sample=sample, accuracy=0.9 + seed / 100)
        for seed, (train, sample) in enumerate(zip(trains, samples, strict=True))
    ]
    found = points(stored([*runs, run("l1_channel_pruning", train=1.0, sample=2.0)])).set_index("technique")
    point, alone = found.loc["dense"], found.loc["l1_channel_pruning"]
    spread = np.cov(trains, samples, ddof=1) / 3
    assert (point["runs"], point["seed"], point["accuracy_val"]) == (3, 2, pytest.approx(0.91))
    assert point["energy_train_j"] == pytest.approx(650.0)
    assert point["energy_per_sample_j"] == pytest.approx(1.3e-4)
    assert point["train_se_j"] == pytest.approx(math.sqrt(spread[0, 0]))
    assert point["per_sample_se_j"] == pytest.approx(math.sqrt(spread[1, 1]))
    assert point["covariance_j2"] == pytest.approx(spread[0, 1])
    assert (alone["runs"], alone["energy_train_j"]) == (1, 1.0)
    assert alone[["train_se_j", "per_sample_se_j", "covariance_j2"]].isna().all()


def test_nothing_stored_is_no_point_and_no_group() -> None:
    found = points(records.table())
    assert found.empty
    assert Lifetime(1e6).fronts(found) == []


def test_the_break_even_is_that_of_the_means_with_an_interval() -> None:
    found = shown(usual())
    pruned, masked = found[PRUNED], found[f"{MASKED}, sparsity 0.80"]
    assert pruned.break_even is not None
    assert pruned.break_even.predictions == pytest.approx(80 / (6e-4 * 1.01))
    assert (pruned.runs, pruned.costs.df) == (3, 2)
    low, high = pruned.break_even.interval or (math.nan, math.nan)
    assert low < pruned.break_even.predictions < high < math.inf
    assert masked.break_even is not None
    assert (masked.break_even.verdict, masked.break_even.text) == ("never", "never pays back")
    assert found[DENSE].break_even is None


def test_the_baseline_is_the_dense_recipe_of_the_same_model_and_seed() -> None:
    runs = [
        run(model="mlp_student", train=10.0, sample=1e-6, accuracy=0.95),
        run(seed=0, train=560.0, sample=7.5e-4, accuracy=0.90),
        run("distill", model="mlp_student", train=700.0, sample=1e-6, accuracy=0.93),
        run("l1_channel_pruning", seed=0, train=640.0, sample=1.5e-4, accuracy=0.89),
        run("l1_channel_pruning", seed=5, sparsity=0.6, train=640.0, sample=2.5e-4, accuracy=0.89),
    ]
    found = {name: one.baseline for name, one in shown(runs).items()}
    assert found == {
        "dense, mlp_student": None,
        DENSE: None,
        "distill, mlp_student, temperature 4": "dense, mlp_student",
        PRUNED: DENSE,
        "l1_channel_pruning, mnist_cnn, sparsity 0.60": "dense, mlp_student",  # no dense one of its seed: the best one
    }


def test_a_dense_recipe_that_shares_any_seed_is_the_baseline() -> None:
    runs = [
        run(model="mlp_student", train=10.0, sample=1e-6, accuracy=0.95),
        run(seed=0, train=560.0, sample=7.5e-4),
        run("l1_channel_pruning", seed=0, train=640.0, sample=1.5e-4, accuracy=0.88),
        run("l1_channel_pruning", seed=5, train=640.0, sample=1.5e-4, accuracy=0.89),
    ]
    assert shown(runs)[PRUNED].baseline == DENSE


def test_without_a_dense_recipe_there_is_no_baseline() -> None:
    (one,) = shown([run("l1_channel_pruning", train=640.0, sample=1.5e-4)]).values()
    assert (one.baseline, one.break_even) == (None, None)
    assert "It has no baseline" in answer([one], 1e6, JOULES)


def test_a_person_may_choose_another_baseline() -> None:
    known = points(stored(usual()))
    masked = known.loc[known["technique"] == "magnitude_pruning", "replicate_key"].iloc[0]
    lifetime = Lifetime(1e6)
    (front,) = lifetime.fronts(known)
    found = {one.name: one for one in contenders(front, lifetime, masked)}
    assert {one.baseline for one in found.values()} == {None, f"{MASKED}, sparsity 0.80"}
    assert found[f"{MASKED}, sparsity 0.80"].break_even is None
    assert found[DENSE].break_even is not None
    assert found[DENSE].break_even.verdict == "always"
    with pytest.raises(BadInput, match="against: 'nothing'"):
        contenders(front, lifetime, "nothing")


def test_the_most_accurate_dense_recipes_are_offered_as_baselines() -> None:
    student = run(model="mlp_student", train=10.0, sample=1e-6, accuracy=0.85)
    known = points(stored([*usual(), student]))
    assert list(baselines(known).values()) == [DENSE, "dense, mlp_student"]
    assert list(baselines(known, most=1).values()) == [DENSE]


def test_a_long_ranking_is_cut_but_front_and_baselines_stay() -> None:
    pruned = [
        run("l1_channel_pruning", sparsity=round(0.3 + step / 100, 2), train=600.0 + step, sample=1e-4, accuracy=0.8)
        for step in range(30)
    ]
    found = shown([run(train=560.0, sample=1e-3, accuracy=0.7), *pruned], most=5)
    assert [one.rank for one in found.values()] == [1, 2, 3, 4, 5, 31]
    assert list(found)[-1] == DENSE


def test_the_chart_is_of_the_pick_its_baseline_and_the_front() -> None:
    student = run(model="mlp_student", train=10.0, sample=1e-6, accuracy=0.85)
    found = tuple(shown([*usual(), student], 1e9).values())
    assert [one.name for one in found][:2] == ["dense, mlp_student", PRUNED]
    assert [one.name for one in telling(found, 8)] == [DENSE, PRUNED, "dense, mlp_student"]
    assert [one.name for one in telling(found, 2)] == [DENSE, PRUNED]


def test_recipes_that_would_be_called_alike_are_told_apart() -> None:
    alike = pd.DataFrame(
        [{"technique": "dense", "network": "mnist_cnn", "sparsity": 0.0, "temperature": math.nan}] * 2,
        index=["aaaabbbb", "ccccdddd"],
    )
    assert names(alike) == {"aaaabbbb": f"{DENSE} (aaaa)", "ccccdddd": f"{DENSE} (cccc)"}


def test_the_answer_is_one_sentence_with_what_the_baseline_takes() -> None:
    said = answer(list(shown(usual(), 2e6).values()), 2e6, JOULES)
    assert said.startswith(f"For 2 million predictions, {PRUNED} takes least")
    assert "953 J, of which 303 J for serving" in said
    assert f"Its baseline, {DENSE}, takes 2,085 J (difference -54 %)" in said
    assert "it pays back from 132,000 predictions on (95 %: " in said
    assert "It is the baseline itself." in answer(list(shown(usual(), 1e3).values()), 1e3, JOULES)


def test_the_table_holds_every_recipe_in_one_unit_per_column() -> None:
    frame = table(list(shown(usual()).values()), JOULES).set_index("Recipe")
    assert frame.loc[PRUNED, "Lifetime (J)"] == pytest.approx(801.5)
    assert frame.loc[PRUNED, "Making (J)"] == pytest.approx(650.0)
    assert frame.loc[PRUNED, "One prediction (µJ)"] == pytest.approx(151.5)
    assert frame.loc[f"{MASKED}, sparsity 0.80", "Break-even"] == "never pays back"
    assert frame.loc[DENSE, "Break-even"] == ""
    assert frame["Rank"].tolist() == [1, 2, 3]


def test_a_grid_and_a_building_scale_every_lifetime_alike() -> None:
    assert scale(Assumptions(pue=1.5)) == (units.ENERGY, 1.5)
    quantity, per_joule = scale(Assumptions(g_per_kwh=360.0, source="a test", pue=1.5))
    assert (quantity, per_joule) == (units.CARBON, pytest.approx(1.5 * 360.0 / 3.6e6))
    frame = table(list(shown(usual()).values()), (quantity, per_joule)).set_index("Recipe")
    (heading,) = [name for name in frame if name.startswith("Lifetime")]
    assert heading == "Lifetime (mg CO2e)"
    assert frame.loc[PRUNED, heading] == pytest.approx(801.5 * 1.5 * 360.0 / 3.6e6 * 1e3, rel=1e-3)
    with pytest.raises(BadInput, match="XXX"):
        scale(Assumptions(country="XXX"))


def test_it_says_what_it_is_of() -> None:
    assert Lifetime(2e6).figure.title == "Lifetime energy, 2 million predictions"
    assert not Lifetime(2e6).figure.maximize
    assert Lifetime(2e6).figure.text(7200.0) == "2.00 Wh"


@pytest.mark.parametrize("predictions", [-1.0, math.nan, math.inf])
def test_no_number_of_predictions_is_refused(predictions: float) -> None:
    with pytest.raises(BadInput, match="predictions: must be a number, 0 or more"):
        Lifetime(predictions)


def test_an_unknown_way_of_serving_is_refused() -> None:
    with pytest.raises(BadInput, match="In batches, One by one"):
        Lifetime(1.0, "by hand")
