from __future__ import annotations

import pytest

from greenai_core.analysis import tables
from greenai_core.store import records
from tests import factory


def test_columns_carry_their_unit_and_energies_how_they_were_obtained() -> None:
    for record in factory.records(1):
        records.save(record)
    runs = records.table()
    frame, headings = tables.shown(runs)
    assert headings["size_bytes"].heading == "Size (MB)"
    assert headings["energy_train_j"].heading == "Training energy (J)"
    assert headings["accuracy_val"].heading == "Validation (%)"
    assert headings["params"].heading == "Parameters"
    assert frame["size_bytes"].tolist() == pytest.approx((runs["size_bytes"] / 1024**2).tolist())
    assert set(frame["energy_train_j_kind"]) == {"○ estimated"}
    order = list(frame.columns)
    assert order.index("energy_train_j_kind") == order.index("energy_train_j") + 1


def test_an_empty_table_has_the_same_columns() -> None:
    frame, headings = tables.shown(records.table())
    assert frame.empty
    assert set(frame.columns) == set(headings)


def test_every_energy_that_can_be_shown_has_a_kind() -> None:
    from greenai_core.analysis.figures import FIGURES

    assert all(figure.kind_column for name, figure in FIGURES.items() if name.endswith("_j"))
