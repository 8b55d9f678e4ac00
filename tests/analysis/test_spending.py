"""Where the joules went: every way of telling them apart adds up to what was spent, kind by kind."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pandas as pd
import pytest

from greenai_core.analysis.spending import (
    BEATEN,
    QUESTIONS,
    REACHED,
    REST,
    UNRANKED,
    UNTOLD,
    Spending,
    answer,
    shown,
    spending,
)
from greenai_core.record import Record, StageRecord
from greenai_core.store import records
from greenai_core.store.database import writing
from tests import factory


def found(*stored: Record) -> Spending:
    with writing() as connection:
        records.insert(connection, *stored)
    return spending(records.table(), records.outlays())


def cached(stage: StageRecord) -> StageRecord:
    return stage.model_copy(update={"cached": True, "teacher": tuple(map(cached, stage.teacher))})


def mixed(count: int) -> Iterator[Record]:
    """Runs of every kind, end and recipe; some with stages from the cache, some of unknown energy."""
    chance = random.Random(7)
    for seed in range(count):
        kind = chance.choice(["measured", "apportioned", "estimated"])
        technique = chance.choice(["dense", "magnitude_pruning", "l1_channel_pruning", "distill"])
        spec = factory.spec(
            dataset=chance.choice(["digits", "kmnist"]),
            model="mlp_student" if technique == "distill" else "mnist_cnn",
            technique=technique,
            sparsity=0.0 if technique in ("dense", "distill") else 0.5,
            seed=seed,
        )
        whole = factory.record(spec, kind=kind)
        stages = tuple(cached(stage) if chance.random() < 0.4 else stage for stage in whole.stages)
        ran = sum(part.energy_j or 0.0 for stage in stages if not stage.cached for part in (stage, *stage.teacher))
        changes = {
            "stages": stages,
            "status": chance.choice(["succeeded", "succeeded", "failed", "aborted"]),
            "energy_spent_j": chance.choice([None, *[ran + chance.uniform(0.5, 9.0)] * 5]),
            "energy_spent_kind": chance.choice([kind, "estimated", None]),
            "size_bytes": chance.choice([None, whole.size_bytes, whole.size_bytes, whole.size_bytes]),
        }
        yield whole.model_copy(update=changes)


def test_every_way_of_telling_apart_adds_up_to_what_was_spent_kind_by_kind() -> None:
    told = found(*mixed(120))
    table = records.table()
    known = table[table["energy_spent_j"].notna()]
    assert told.unknown == table["energy_spent_j"].isna().sum() > 5
    sums = {column: told.by(column).groupby("kind")[["spent_j", "saved_j"]].sum() for column in QUESTIONS.values()}
    for column, sum_ in sums.items():
        assert sum_["spent_j"].sum() == pytest.approx(known["energy_spent_j"].sum()), column
        stored = known.dropna(subset="energy_spent_kind").groupby("energy_spent_kind")["energy_spent_j"].sum()
        assert (sum_["spent_j"] >= stored - 1e-9).all()  # and runs whose kind was not stored are under a kind as well
        pd.testing.assert_frame_equal(sum_, sums["outcome"])
        if column != "stage":
            assert told.by(column)["runs"].sum() == len(known)
    assert (told.by("outcome").groupby("kind")["share"].sum() - 1).abs().max() < 1e-9
    assert set(told.by("outcome")["name"]) == {REACHED, BEATEN, UNRANKED, "failed", "aborted"}
    assert len(told.kinds) == 3


def test_the_stages_and_the_rest_are_those_of_the_records() -> None:
    runs = [factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5, seed=seed)) for seed in range(3)]
    by = found(*runs).by("stage").set_index("name")
    for place, name in enumerate(["train", "magnitude_pruning", "fine_tune"]):
        assert by.loc[name, "spent_j"] == pytest.approx(sum(run.stages[place].energy_j or 0.0 for run in runs))
        assert by.loc[name, "runs"] == 3
    rest = sum((run.energy_spent_j or 0.0) - sum(stage.energy_j or 0.0 for stage in run.stages) for run in runs)
    assert by.loc[REST, "spent_j"] == pytest.approx(rest)


def test_stages_of_one_name_are_one_and_a_teacher_is_not_its_student() -> None:
    run = factory.record(factory.spec(model="mlp_student", technique="distill"))
    twice = run.model_copy(update={"stages": (*run.stages, run.stages[0].model_copy(update={"key": "another"}))})
    by = found(twice).by("stage").set_index("name")
    assert set(by.index) == {"distill", "teacher: train", REST}
    assert by.loc["distill", "runs"] == 1
    assert by.loc["distill", "spent_j"] == pytest.approx(2 * (run.stages[0].energy_j or 0.0))


def test_what_the_cache_saved_counts_for_every_run_that_took_it_and_is_no_part_of_what_was_spent() -> None:
    first = factory.record()
    joules = first.stages[0].energy_j or 0.0
    later = [
        first.model_copy(update={"run_id": name, "stages": (cached(first.stages[0]),), "energy_spent_j": 5.0})
        for name in ("later", "latest")
    ]
    told = found(first, *later)
    by = told.by("stage").set_index("name")
    assert by.loc["train", "saved_j"] == pytest.approx(2 * joules)
    assert by.loc["train", "spent_j"] == pytest.approx(joules)
    assert by["spent_j"].sum() == pytest.approx((first.energy_spent_j or 0.0) + 10.0)
    assert f"The prefix cache saved another {2 * joules:.1f} J." in answer(told, "estimated")


def test_joules_that_were_saved_keep_the_kind_they_were_obtained_by() -> None:
    run = factory.record(kind="measured", energy_spent_kind="estimated", energy_spent_j=5.0)
    told = found(run.model_copy(update={"stages": (cached(run.stages[0]),)}))
    assert told.kinds == ("estimated", "measured")
    by = told.by("dataset").set_index("kind")
    assert by["spent_j"].to_dict() == {"estimated": 5.0, "measured": 0.0}
    assert by["saved_j"].to_dict() == {"estimated": 0.0, "measured": run.stages[0].energy_j}
    assert answer(told, "measured").startswith("No run's whole energy is measured")
    assert "The prefix cache saved" not in answer(told, "estimated")


@pytest.mark.parametrize(("made", "expected"), [("measured", "apportioned"), ("estimated", "estimated")])
def test_a_kind_that_was_not_stored_is_the_least_sure_one_that_it_can_be(made: str, expected: str) -> None:
    assert found(factory.record(energy_train_kind=made, energy_spent_kind=None)).kinds == (expected,)


def test_a_stage_of_unknown_energy_is_said_and_nothing_is_lost() -> None:
    run = factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5))
    train, prune, tune = run.stages
    broken = run.model_copy(update={"stages": (train, prune.model_copy(update={"energy_j": None}), tune)})
    lost = factory.record(factory.spec(seed=5), energy_spent_j=None)
    taken = factory.record(factory.spec(seed=6))
    unknown = cached(taken.stages[0].model_copy(update={"energy_j": None}))
    told = found(broken, lost, taken.model_copy(update={"stages": (unknown,)}))
    by = told.by("stage").set_index("name")
    known = (train.energy_j or 0.0) + (tune.energy_j or 0.0)
    assert by.loc[UNTOLD, "spent_j"] == pytest.approx((run.energy_spent_j or 0.0) - known)
    assert "magnitude_pruning" not in by.index  # what is unknown is not nothing
    assert (told.unknown, told.untold) == (1, 1)
    assert by.loc["train", "saved_j"] == 0


def test_a_run_reached_the_front_if_the_mean_point_of_its_recipe_did() -> None:
    wanted = {
        "best": (factory.spec(), 0.9, 100),
        "best again": (factory.spec(seed=1), 0.8, 100),  # alone it would be beaten; its point is not
        "small": (factory.spec(technique="magnitude_pruning", sparsity=0.5), 0.7, 50),
        "beaten": (factory.spec(technique="magnitude_pruning", sparsity=0.9), 0.6, 60),
        "elsewhere": (factory.spec(dataset="kmnist"), 0.1, 1000),
    }
    runs = [
        factory.record(spec, run_id=name, accuracy_val=accuracy, size_bytes=size, energy_spent_j=10.0)
        for name, (spec, accuracy, size) in wanted.items()
    ]
    told = found(*runs, factory.record(factory.spec(seed=9), accuracy_val=None, energy_spent_j=1.0)).by("outcome")
    assert told.set_index("name")["spent_j"].to_dict() == pytest.approx({REACHED: 40.0, BEATEN: 10.0, UNRANKED: 1.0})


def test_the_answer_in_words() -> None:
    run = factory.record(energy_spent_j=100.0)
    lost = factory.record(factory.spec(seed=1), status="failed", energy_spent_j=25.0, stages=())
    stage = run.stages[0].model_copy(update={"energy_j": 60.0})
    told = found(run.model_copy(update={"stages": (stage,)}), lost)
    assert answer(told, "estimated") == (
        "Of 125 J spent by 2 runs stored here, 100 J (80 %) went into runs on the front and 25.0 J (20 %) went into "
        "runs that failed. What is no stage, mostly evaluation, export and measuring, took 65.0 J (52 %)."
    )


def test_the_table_for_people_has_one_unit_and_says_how() -> None:
    told = shown(found(*mixed(40)).by("technique"), "Technique")
    (spent,) = [name for name in told if name.startswith("Spent (")]
    assert list(told) == ["Technique", spent, "How", "Share (%)", "Runs", spent.replace("Spent", "Saved by the cache")]
    assert set(told["How"]) <= {"● measured", "◐ apportioned", "○ estimated"}
    assert (told["Runs"] >= 0).all()


def test_a_store_without_own_runs_spent_nothing() -> None:
    told = found()
    assert told.kinds == () and told.unknown == 0
    assert told.by("stage").empty
