from __future__ import annotations

import re

import pytest

from greenai_core.analysis import latex
from greenai_core.analysis.explore import Filters, View
from greenai_core.analysis.machines import measured_on
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


def test_every_machine_behind_the_rows_is_named_and_only_those() -> None:
    found = [*factory.records(1, host="first"), *factory.records(1, host="second")]
    for record in [*found, factory.record(factory.spec(seed=5), host="third")]:
        records.save(record)
    shown = factory.view(Filters("digits"))
    assert shown is not None
    runs = shown.runs[~shown.runs["run_id"].str.startswith("third")]
    footnote = latex.table(shown.front.table, SHOWN, measured_on(runs, SHOWN)).splitlines()[-1]
    first, second = sorted(("Processor of first", "Processor of second"), key=footnote.index)
    assert f"Measured on: {first} and {second}; energies and times of one do not compare" in footnote
    assert "Processor of third" not in footnote
    assert measured_on(runs[:1], SHOWN).startswith("Processor of ") and "and" not in measured_on(runs[:1], SHOWN)


def test_a_lifetime_says_of_how_many_predictions_it_is(found: View) -> None:
    lasting = factory.view(Filters("digits", cost="Lifetime energy", predictions=2e9, serving="One by one"))
    assert lasting is not None
    written = latex.table(lasting.front.table, lasting.figures, "here")
    (heading,) = [line for line in written.splitlines() if line.startswith("Recipe & Seeds")]
    assert re.search(r"Lifetime energy \(\w+\), 2 billion predictions one by one", heading)
    assert "Lifetime energy, 2 billion predictions one by one: estimated" in written.splitlines()[-1]


def test_what_is_special_in_latex_is_written_as_text(found: View) -> None:
    footnote = latex.table(found.front.table, SHOWN, r"C:\cpu^2 ~ 50 %").splitlines()[-1]
    assert r"Measured on: C:\textbackslash{}cpu\textasciicircum{}2 \textasciitilde{} 50 \%." in footnote


def test_braces_match_and_nothing_special_is_left_bare(found: View) -> None:
    written = latex.table(found.front.table, SHOWN, "here")
    assert written.count("{") == written.count("}")
    assert not re.search(r"(?<!\\)[%#_]", written)
    assert all(
        line.count("&") - line.count(r"\&") == len(SHOWN) + 1 for line in written.splitlines() if line.endswith(r"\\")
    )
