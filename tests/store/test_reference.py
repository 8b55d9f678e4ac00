from __future__ import annotations

import pandas as pd
import pytest

from greenai_core.settings import REFERENCE
from greenai_core.store import reference


def test_published_figures_are_verbatim_and_have_a_source() -> None:
    found = reference.published()
    pruned = found[found["table"] == "pruning_fashion_mnist"]
    assert pruned["sparsity"].tolist() == [0, 0.6, 0.8, 0.95]
    assert pruned["size_kb"].tolist() == [4690, 1893, 948, 297]
    assert pruned["params"].tolist() == [1_119_882, 483_848, 241_936, 75_242]
    assert pruned["accuracy_test_percent"].tolist() == [92.50, 92.30, 91.68, 89.77]
    assert "[sic]" in pruned["note"].iloc[0]
    taught = found[found["table"] == "distillation"]
    assert taught["accuracy_train_percent"].tolist() == [98.90, 81.11, 92.94]
    assert taught["accuracy_test_percent"].tolist() == [92.41, 79.04, 89.06]
    assert taught["size_kb"].tolist() == [4690, 430, 430]
    assert found["source"].notna().all() and found["dataset"].notna().all()


def test_printed_digits_are_kept_in_the_files() -> None:
    assert "98.90" in (REFERENCE / "distillation.csv").read_text()
    assert "92.50" in (REFERENCE / "pruning_fashion_mnist.csv").read_text()


def test_figures_are_also_there_in_the_units_of_a_record() -> None:
    row = reference.published().set_index("label").loc["Student with distillation"]
    assert (row["accuracy"], row["accuracy_train"]) == pytest.approx((0.8906, 0.9294))
    assert row["size_bytes"] == 430 * 1024
    assert pd.isna(row["params"])
