from __future__ import annotations

import re

import pytest

from greenai_core.analysis import latex
from greenai_core.analysis.explore import Filters, View
from greenai_core.store import records
from tests import factory

SHOWN = ("accuracy_val", "accuracy", "size_bytes", "energy_per_sample_j")


@pytest.fixture
def found() -> View:
    for record in [*factory.records(3), factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5))]:
        records.save(record)
    shown = factory.view(Filters("digits"))
    assert shown is not None
    return shown


def test_every_point_is_a_row_with_its_intervals(found: View) -> None:
    written = latex.table(found.front.table, SHOWN, "Processor of here")
    rows = [line for line in written.splitlines() if line.endswith(r"\\")][1:]
    assert len(rows) == len(found.front.table)
    for row, point in zip(rows, found.front.table.to_dict("records"), strict=True):
        recipe, seeds, accuracy, *_ = row.removesuffix(r" \\").split(" & ")
        assert recipe.startswith(f"{point['model']}, {point['technique']}".replace("_", r"\_"))
        assert int(seeds) == point["seeds"]
        value = f"{point['accuracy_val'] * 100:.2f}"
        half = (point["accuracy_val_high"] - point["accuracy_val_low"]) * 50
        assert accuracy == (rf"${value} \pm {half:.2f}$" if point["seeds"] > 1 else f"${value}$")


def test_the_footnote_tells_how_joules_were_obtained_and_where(found: View) -> None:
    footnote = latex.table(found.front.table, SHOWN, "Processor & co").splitlines()[-1]
    assert "Inference energy: estimated, processor time multiplied by an assumed power" in footnote
    assert "Processor \\& co" in footnote and "95\\,\\%" in footnote
    assert "energy" not in latex.table(found.front.table, SHOWN[:2], "here").splitlines()[-1].lower()


def test_braces_match_and_nothing_special_is_left_bare(found: View) -> None:
    written = latex.table(found.front.table, SHOWN, "here")
    assert written.count("{") == written.count("}")
    assert not re.search(r"(?<!\\)[%#_]", written)
    assert all(
        line.count("&") - line.count(r"\&") == len(SHOWN) + 1 for line in written.splitlines() if line.endswith(r"\\")
    )
