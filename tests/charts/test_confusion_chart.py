from __future__ import annotations

import numpy as np
import pytest

from greenai_core.charts import confusion
from greenai_core.record import Record
from tests import factory

FIRST, OTHER = ((48, 2, 0), (1, 47, 2), (0, 9, 41)), ((49, 1, 0), (1, 45, 4), (0, 3, 47))
NAMES = {"provenance": {"classes": ["shirt", "coat", "boot"]}}


def record(matrix: tuple[tuple[int, ...], ...] | None = FIRST, seed: int = 0) -> Record:
    return factory.record(factory.spec(seed=seed), confusion=matrix, **NAMES)


def test_rows_are_true_and_columns_predicted_classes_and_only_mistakes_are_coloured() -> None:
    heat, written = confusion.heat_map(record(), "black").data
    assert np.isnan(np.diag(np.array(heat.z, dtype=float))).all()
    assert heat.z[2][1] == heat.zmax == 9
    assert heat.text[2][1] == "boot taken for coat: 9 of 50 images (18.0 %)"
    assert heat.text[0][0] == "shirt recognised: 48 of 50 images (96.0 %)"
    assert written.textfont.color == "black"
    cells = dict(zip(zip(written.y, written.x, strict=True), written.text, strict=True))
    assert (cells[2, 1], cells[0, 0], cells[0, 2]) == ("9", "<b>48</b>", "")


def test_the_first_true_class_is_on_top() -> None:
    layout = confusion.heat_map(record(), "black").layout
    assert list(layout.yaxis.ticktext) == list(layout.xaxis.ticktext) == ["shirt", "coat", "boot"]
    assert layout.yaxis.range[0] > layout.yaxis.range[1]
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("Predicted class", "True class")


def test_the_difference_is_the_other_less_the_first_around_zero() -> None:
    heat, written = confusion.difference(record(), record(OTHER, 1), "B - A", "black").data
    assert np.array_equal(np.array(heat.z), np.subtract(OTHER, FIRST))
    assert (heat.zmin, heat.zmax) == (-6, 6)
    assert heat.text[2][1] == "boot taken for coat: 9 images, then 3 (-6)"
    assert heat.colorbar.title.text == "B - A"
    assert {"+6", "-6", "+1", "-1", "+2", "-2", ""} == set(written.text)


def test_equal_matrices_have_a_scale_as_well() -> None:
    heat, _ = confusion.difference(record(), record(seed=1), "B - A", "black").data
    assert (heat.zmin, heat.zmax) == (-1, 1)


def test_the_pairs_confused_most_are_told() -> None:
    found = confusion.mistakes(record())
    assert found.to_dict("split")["data"] == [
        ["boot", "coat", 9, "18.0 %"],
        ["shirt", "coat", 2, "4.0 %"],
        ["coat", "boot", 2, "4.0 %"],
    ]
    assert confusion.mistakes(record(((5, 0), (0, 5)))).empty


def test_the_pairs_that_differ_most_are_told() -> None:
    found = confusion.changes(record(), record(OTHER, 1), ("A", "B", "B - A"))
    assert found.to_dict("split")["data"] == [
        ["boot", "coat", 9, 3, "-6"],
        ["coat", "boot", 2, 4, "+2"],
        ["shirt", "coat", 2, 1, "-1"],
    ]
    assert confusion.changes(record(), record(seed=1), ("A", "B", "B - A")).empty


def test_a_class_without_images_is_no_division_by_zero() -> None:
    empty = record(((5, 0, 1), (0, 0, 0), (0, 0, 6)))
    heat, _ = confusion.heat_map(empty, "black").data
    assert heat.text[1][1].startswith("coat recognised: 0 of 0 images")
    assert len(confusion.mistakes(empty)) == 1


@pytest.mark.parametrize(("classes", "traces"), [(12, 2), (13, 1), (100, 1)])
def test_many_classes_have_no_numbers_in_the_cells_and_few_names_beside_the_axis(classes: int, traces: int) -> None:
    found = factory.record(confusion=tuple(tuple(int(row == of) for of in range(classes)) for row in range(classes)))
    figure = confusion.heat_map(found, "black")
    assert len(figure.data) == traces
    assert len(figure.layout.xaxis.tickvals) <= 30
    assert figure.layout.height <= 900


def test_without_names_classes_are_numbers() -> None:
    assert confusion.classes(factory.record()) == ("0", "1")


def test_the_descriptions_have_the_numbers() -> None:
    assert "14 of 150 images are taken for another class" in confusion.describe(record())
    assert "B - A: +5 images are recognised" in confusion.describe_difference(record(), record(OTHER, 1), "B - A")
