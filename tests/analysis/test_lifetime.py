"""Lifetime energies are added, ranked and paid back only where both parts compare."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from greenai_core import units
from greenai_core.analysis import pareto, promised, replicates
from greenai_core.analysis.choice import Limits
from greenai_core.analysis.contenders import (
    Contender,
    answer,
    baselines,
    contenders,
    latex,
    names,
    remarks,
    table,
    telling,
)
from greenai_core.analysis.explore import Filters
from greenai_core.analysis.lifetime import Lifetime, alike, pick, points, scale, terms
from greenai_core.analysis.recost import Assumptions
from greenai_core.errors import BadInput
from greenai_core.record import Record, with_teachers
from greenai_core.spec import check
from greenai_core.store import records
from greenai_core.store.database import writing
from greenai_core.store.specs import specs
from tests import factory

JOULES = (units.ENERGY, 1.0)
KEYS = ("quality_key", "training_key", "inference_key", "energy_train_kind", "energy_inference_kind")
FREE = Limits()


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


def ranked(
    recipes: pd.DataFrame,
    matching: pd.DataFrame | None = None,
    predictions: float = 1e6,
    limits: Limits = FREE,
    **options: Any,
) -> dict[str, Contender]:
    """Contenders by name; of the `matching` ones of all comparable `recipes`."""
    lifetime = Lifetime(predictions)
    (front,) = lifetime.fronts(recipes if matching is None else matching)
    return {one.name: one for one in contenders(front, lifetime, alike(recipes, front), limits, **options)}


def shown(runs: Iterable[Record], predictions: float = 1e6, **options: Any) -> dict[str, Contender]:
    return ranked(points(stored(runs)), predictions=predictions, **options)


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
    assert pick(front, FREE) != poor.run_id
    assert pick(front, FREE, within=0.02) == poor.run_id


def test_points_are_means_over_seeds_and_know_the_costs_of_each() -> None:
    trains, samples = [600.0, 640.0, 710.0], [1.1e-4, 1.5e-4, 1.3e-4]
    runs = [
        run(seed=seed, train=train, sample=sample, accuracy=0.9 + seed / 100)
        for seed, (train, sample) in enumerate(zip(trains, samples, strict=True))
    ]
    found = points(stored([*runs, run("l1_channel_pruning", train=1.0, sample=2.0)])).set_index("technique")
    point, alone = found.loc["dense"], found.loc["l1_channel_pruning"]
    assert (point["seeds"], point["accuracy_val"]) == (3, pytest.approx(0.91))
    assert point["energy_train_j"] == pytest.approx(650.0)
    assert point["energy_per_sample_j"] == pytest.approx(1.3e-4)
    assert point["costs"].by_seed == tuple(zip(range(3), trains, samples, strict=True))
    assert (alone["seeds"], alone["energy_train_j"], alone["costs"].by_seed) == (1, 1.0, ((0, 1.0, 2.0),))


def test_a_seed_that_was_run_again_counts_once() -> None:
    """As on the rest of the page: two seeds, one of them run four times more, are two seeds."""
    first, other = run(seed=0, train=560.0, sample=7e-4), run(seed=1, train=600.0, sample=8e-4)
    again = [
        first.model_copy(update={"run_id": f"again-{place}", "energy_train_j": 580.0 + place}) for place in range(4)
    ]
    runs = stored([first, other, *again])
    (point,) = points(runs).to_dict("records")
    (explored,) = replicates.points(runs, ["energy_train_j"]).to_dict("records")
    of_first = (560.0 + 4 * 580.0 + 6.0) / 5
    assert point["seeds"] == 2 and len(point["run_ids"]) == 6
    assert point["energy_train_j"] == pytest.approx((of_first + 600.0) / 2) == explored["energy_train_j"]
    assert point["costs"].by_seed == ((0, pytest.approx(of_first), pytest.approx(7e-4)), (1, 600.0, 8e-4))
    assert table(list(ranked(points(runs)).values()), JOULES)["Seeds"].tolist() == [2]


def test_nothing_stored_is_no_point_and_no_group() -> None:
    found = points(records.table())
    assert found.empty
    assert Lifetime(1e6).fronts(found) == []


def test_the_break_even_is_that_of_the_means_with_an_interval() -> None:
    found = shown(usual())
    pruned, masked = found[PRUNED], found[f"{MASKED}, sparsity 0.80"]
    assert pruned.break_even is not None
    assert pruned.break_even.predictions == pytest.approx(80 / (6e-4 * 1.01))
    assert (pruned.seeds, pruned.break_even.pairs) == (3, 3)
    low, high = pruned.break_even.interval or (math.nan, math.nan)
    assert low < pruned.break_even.predictions < high < math.inf
    assert masked.break_even is not None
    assert (masked.break_even.verdict, masked.break_even.text) == ("never", "never pays back")
    assert found[DENSE].break_even is None


def test_the_baseline_is_the_dense_recipe_of_the_same_model_else_the_most_accurate_one() -> None:
    runs = [
        run(model="mlp_student", train=10.0, sample=1e-6, accuracy=0.95),
        run(seed=0, train=560.0, sample=7.5e-4, accuracy=0.90),
        run("distill", model="mlp_student", train=700.0, sample=1e-6, accuracy=0.93),
        run("l1_channel_pruning", seed=5, train=640.0, sample=1.5e-4, accuracy=0.89),
    ]
    known = stored(runs)
    found = {name: one.baseline for name, one in ranked(points(known)).items()}
    assert found == {
        "dense, mlp_student": None,
        DENSE: None,
        "distill, mlp_student, temperature 4": "dense, mlp_student",
        PRUNED: DENSE,
    }
    left = known[(known["technique"] != "dense") | (known["model"] != "mlp_student")]
    assert ranked(points(left))["distill, mlp_student, temperature 4"].baseline == DENSE


def test_of_several_dense_recipes_the_one_with_most_seeds_is_the_baseline_then_the_most_accurate() -> None:
    def made(epochs: int, seed: int, accuracy: float) -> Record:
        spec = factory.spec(seed=seed).model_dump(mode="json")
        longer = check({**spec, "recipe": [{"name": "train", "epochs": epochs}]})
        return factory.record(longer, accuracy_val=accuracy)

    pruned = run("l1_channel_pruning", train=640.0, sample=1.5e-4)
    often = [made(1, seed, 0.80) for seed in (3, 4)]
    dense = [*often, made(2, 0, 0.95), made(5, 0, 0.85), made(5, 1, 0.85)]
    known = stored([pruned, *dense])
    found = points(known).set_index("run_id")
    assert found.loc[pruned.run_id, "baseline"] == found.loc[dense[-1].run_id, "replicate_key"]
    (keys, timed), *_ = promised.groups(known)
    (case,) = promised.against_dense(keys, timed, known, specs).to_dict("records")
    assert case["run_id_dense"] == dense[-1].run_id  # what it promises is held against the same one
    assert found.loc[dense[-1].run_id, "seeds"] == found.loc[often[-1].run_id, "seeds"] == 2


def test_a_filter_that_leaves_the_baseline_out_does_not_move_it() -> None:
    every = points(stored(usual()))
    whole, narrowed = ranked(every, predictions=1e9), ranked(every, every.query("technique != 'dense'"), 1e9)
    assert set(narrowed) == set(whole)
    for name in (PRUNED, f"{MASKED}, sparsity 0.80"):
        assert (narrowed[name].baseline, narrowed[name].break_even) == (DENSE, whole[name].break_even)
    hidden = narrowed[DENSE]
    assert (hidden.rank, hidden.on_front, hidden.picked) == (None, False, False)
    assert [one.rank for one in narrowed.values()] == [1, None, 2]
    assert "It has no baseline" not in answer(list(narrowed.values()), 1e9, JOULES, FREE)
    assert any("without a rank" in said for said in remarks(list(narrowed.values())))
    assert not remarks(list(whole.values()))
    assert table(list(narrowed.values()), JOULES)["Rank"].isna().tolist() == [False, True, False]


def test_without_a_dense_recipe_there_is_no_baseline() -> None:
    (one,) = shown([run("l1_channel_pruning", train=640.0, sample=1.5e-4)]).values()
    assert (one.baseline, one.break_even) == (None, None)
    assert "It has no baseline: no dense recipe is stored" in answer([one], 1e6, JOULES, FREE)


def test_of_a_dense_recipe_it_is_not_said_that_it_lacks_a_baseline() -> None:
    runs = [run(train=10.0, sample=1e-6), run(model="mlp_student", train=560.0, sample=7.5e-4)]
    said = answer(list(shown(runs).values()), 1e6, JOULES, FREE)
    assert said.endswith("It is dense itself, so that there is nothing for it to pay back.")


def test_a_person_may_choose_another_baseline() -> None:
    known = points(stored(usual()))
    masked = known.loc[known["technique"] == "magnitude_pruning", "replicate_key"].iloc[0]
    found = ranked(known, against=masked)
    assert {one.baseline for one in found.values()} == {None, f"{MASKED}, sparsity 0.80"}
    assert found[f"{MASKED}, sparsity 0.80"].break_even is None
    assert found[DENSE].break_even is not None
    assert found[DENSE].break_even.verdict == "always"
    with pytest.raises(BadInput, match="against: 'nothing'"):
        ranked(known, against="nothing")


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
    said = answer(list(shown(usual(), 2e6).values()), 2e6, JOULES, FREE)
    assert said.startswith(f"For 2 million predictions, {PRUNED} takes least")
    assert "953 J, of which 303 J for serving" in said
    assert f"Its baseline, {DENSE}, takes 2,085 J (difference -54 %)" in said
    assert "it pays back from 132,000 predictions on (95 %: " in said
    assert "It is the baseline itself." in answer(list(shown(usual(), 1e3).values()), 1e3, JOULES, FREE)


def test_the_pick_keeps_the_limits() -> None:
    accurate = Limits.of({"accuracy_val": 0.918})
    found = shown(usual(), 1e9, limits=accurate)
    assert [one.name for one in found.values() if one.picked] == [DENSE]
    said = answer(list(found.values()), 1e9, JOULES, accurate)
    assert said.startswith(f"For 1 billion predictions and within the limits, {DENSE} takes least")
    assert not any(one.picked for one in shown(usual(), limits=Limits.of({"accuracy_val": 0.99})).values())


def test_an_unknown_figure_keeps_no_limit() -> None:
    known, unknown = run(train=560.0, sample=1e-3), run("l1_channel_pruning", train=1.0, sample=1e-9, latency_ms=None)
    (front,) = Lifetime(1e6).fronts(points(stored([known, unknown])))
    assert pick(front, FREE) == unknown.run_id
    assert pick(front, Limits.of({"latency_ms": 1e6})) == known.run_id


def test_the_table_holds_every_recipe_in_one_unit_per_column() -> None:
    frame = table(list(shown(usual()).values()), JOULES).set_index("Recipe")
    assert frame.loc[PRUNED, "Lifetime (J)"] == pytest.approx(801.5)
    assert frame.loc[PRUNED, "Making (J)"] == pytest.approx(650.0)
    assert frame.loc[PRUNED, "One prediction (µJ)"] == pytest.approx(151.5)
    assert frame.loc[PRUNED, "Paired seeds"] == 3
    assert frame.loc[f"{MASKED}, sparsity 0.80", "Break-even"] == "never pays back"
    assert frame.loc[DENSE, "Break-even"] == ""
    assert frame["Rank"].tolist() == [1, 2, 3]


def test_what_is_taken_away_says_what_it_holds_for() -> None:
    found = list(shown(usual(), 2e6).values())
    grid = Assumptions(country="FRA", pue=1.5)
    said = terms(Lifetime(2e6, "One by one"), grid)
    assert said.startswith("2 million predictions one by one, PUE 1.5, ") and said.endswith(" g CO2e per kWh (FRA)")
    assert terms(Lifetime(2e6), Assumptions()) == "2 million predictions in batches"
    assert f"Lifetime (mg CO2e), {said}" in table(found, scale(grid), said)
    written = latex(found, scale(grid), said)
    assert f"Lifetimes are of making the model and of {said}." in written
    assert r"l1\_channel\_pruning, mnist\_cnn, sparsity 0.80" in written
    assert r"95 \% interval" in written and r"\toprule" in written and "Rank" not in written


def test_seeds_that_only_one_of_the_two_has_are_told() -> None:
    alone = run("l1_channel_pruning", 0, train=640.0, sample=1.5e-4)
    dense = [run(seed=seed, train=560.0 + 10 * seed, sample=7.5e-4) for seed in range(3)]
    found = shown([alone, *dense])
    assert found[PRUNED].break_even is not None
    assert found[PRUNED].break_even.predictions == pytest.approx(80 / 6e-4)  # against its own seed, not the mean
    (said,) = remarks(list(found.values()))
    assert "may lie beside the crossing of their lines" in said


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
    assert Lifetime(2e6).figure.title == "Lifetime energy, 2 million predictions in batches"
    assert not Lifetime(2e6).figure.maximize
    assert Lifetime(2e6).figure.text(7200.0) == "2.00 Wh"


@pytest.mark.parametrize("predictions", [-1.0, math.nan, math.inf])
def test_no_number_of_predictions_is_refused(predictions: float) -> None:
    with pytest.raises(BadInput, match="predictions: must be a number, 0 or more"):
        Lifetime(predictions)


def test_an_unknown_way_of_serving_is_refused() -> None:
    with pytest.raises(BadInput, match="In batches, One by one"):
        Lifetime(1.0, "by hand")
