from __future__ import annotations

import pytest

from greenai_core.analysis import tables
from greenai_core.jobs.access import Access
from greenai_core.store import records, remarks
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


def test_what_people_wrote_is_shown_where_it_stands_beside_the_runs() -> None:
    for run_id in ("a", "b"):
        records.save(factory.record(run_id=run_id))
    assert not {"tags", "note"} & set(tables.shown(records.table())[0])
    assert not {"tags", "note"} & set(tables.shown(remarks.beside(records.table()))[0])
    remarks.write_note("a", "worth a look", Access.local())
    frame, headings = tables.shown(remarks.beside(records.table()))
    assert dict(zip(frame["run_id"], frame["note"], strict=True)) == {"a": "worth a look", "b": ""}
    assert headings["note"].heading == "Note" and "tags" not in frame


def test_what_is_no_time_is_an_empty_cell() -> None:
    records.save(factory.record())
    for text in ("2026-W05-6T12:00:00Z", "2026-01-31x12:00:00", "yesterday", "9999-12-31T23:59:59+00:00"):
        frame, _ = tables.shown(records.table().assign(created_at=text))
        assert str(frame["created_at"].dtype).endswith(", UTC]")
        assert frame["created_at"].isna().all() == (text[:4] != "9999")


def test_an_empty_table_has_the_same_columns() -> None:
    frame, headings = tables.shown(records.table())
    assert frame.empty
    assert set(frame.columns) == set(headings)


def test_every_energy_that_can_be_shown_has_a_kind() -> None:
    from greenai_core.analysis.figures import FIGURES

    assert all(figure.kind_column for name, figure in FIGURES.items() if name.endswith("_j"))
