from __future__ import annotations

import pandas as pd
import pytest

from greenai_core.analysis import published
from greenai_core.record import Record
from greenai_core.spec import check
from greenai_core.store import records, reference
from tests import factory


def test_our_runs_stand_beside_what_they_repeat() -> None:
    for record in factory.records(2, dataset="fashion_mnist"):
        records.save(record)
    records.save(factory.record(factory.spec(dataset="digits")))
    rows = published.beside_ours(reference.published(), records.table()).set_index("label")
    assert len(rows) == len(reference.published())
    for sparsity, params in ((0.6, 483_848), (0.8, 241_936), (0.95, 75_242)):
        (row,) = [row for _, row in rows.iterrows() if row["sparsity"] == sparsity]
        assert (row["ours_seeds"], row["ours_params"]) == (2, params)
    runs = records.table()
    dense = runs[(runs["dataset"] == "fashion_mnist") & (runs["model"] == "mnist_cnn") & (runs["technique"] == "dense")]
    assert rows.loc["Dense", "ours_accuracy"] == pytest.approx(dense["accuracy"].mean())


def test_only_one_recipe_is_averaged_the_best_on_validation() -> None:
    def run(epochs: int, seed: int, val: float, test: float, name: str = "") -> Record:
        plain = factory.spec(dataset="fashion_mnist").model_dump(mode="json")
        spec = check({**plain, "recipe": [{"name": "train", "epochs": epochs}], "seed": seed})
        return factory.record(spec, accuracy_val=val, accuracy=test, run_id=f"{epochs}-{seed}{name}")

    best = [run(9, 0, 0.92, 0.90), run(9, 0, 0.92, 0.92, "again"), run(9, 1, 0.93, 0.94)]
    for record in [*best, run(2, 0, 0.80, 0.99), run(2, 1, 0.80, 0.99), run(2, 2, 0.80, 0.99)]:
        records.save(record)
    table = records.table()
    table.loc[table["run_id"] == "9-1", "origin"] = "bank"
    row = published.beside_ours(reference.published(), table).set_index("label").loc["Dense"]
    assert row["ours_recipe"] == "train 9"
    assert row["ours_seeds"] == 2
    assert row["ours_accuracy"] == pytest.approx(0.925)  # every seed counts once
    assert row["ours_origin"] == "own and bank"


def test_without_runs_of_ours_every_row_is_still_there() -> None:
    rows = published.beside_ours(reference.published(), records.table())
    assert (rows["ours_seeds"] == 0).all()
    assert set(rows["ours_recipe"]) == {""}
    assert rows["ours_accuracy"].isna().all()


def test_points_need_both_axes() -> None:
    printed = reference.published()
    assert len(published.points(printed, "fashion_mnist", "accuracy", "size_bytes")) == len(printed)
    assert published.points(printed, "digits", "accuracy", "size_bytes").empty
    assert published.points(printed, "fashion_mnist", "accuracy_val", "size_bytes").empty
    assert isinstance(published.points(printed, "fashion_mnist", "accuracy", "macs"), pd.DataFrame)
