from __future__ import annotations

import pytest

from greenai_core.errors import BadInput
from greenai_core.values import MAX_SEEDS, MAX_VALUES, labels, parse_numbers, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [3]), (" 0, 1,2 ", [0, 1, 2]), ("0-3", [0, 1, 2, 3]), ("5 5 1", [5, 1])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "one", "1.5", "-1", "3-1", f"0-{MAX_SEEDS}", "0-99, 100-150", "99999999999999"])
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"^seeds: "):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.6", [0.6]),
        ("0.6, .8;0.95,", [0.6, 0.8, 0.95]),
        ("0.1-0.9 step 0.2", [0.1, 0.3, 0.5, 0.7, 0.9]),
        ("0 to 1 step 0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("1e-4, 1E-3", [1e-4, 1e-3]),
        ("1e-4-3e-4 step 1e-4", [1e-4, 2e-4, 3e-4]),
        ("-1, 2, 2.0", [-1, 2]),
        ("0.1\u20130.3 step 0.1, 0.3", [0.1, 0.2, 0.3]),
    ],
)
def test_numbers(text: str, values: list[float]) -> None:
    assert parse_numbers("Sparsity", text) == values


@pytest.mark.parametrize(
    ("text", "values"), [("3", [3]), ("1-4, 8", [1, 2, 3, 4, 8]), ("1-7 step 3", [1, 4, 7]), ("1.5", [1.5])]
)
def test_whole_numbers_stay_whole(text: str, values: list[float]) -> None:
    found = parse_numbers("Epochs", text, integer=True)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    "text", ["", ",", "half", "0.1-0.9", "0.9-0.1 step 0.1", "0-1 step 0", "0-1 step 1e-9", "nan", "1e999", "0.1 0.2"]
)
def test_what_is_no_list_of_numbers_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(BadInput, match=r"^Sparsity: "):
        parse_numbers("Sparsity", text)


def test_more_values_than_anyone_means_are_refused() -> None:
    assert len(parse_numbers("Epochs", f"1-{MAX_VALUES}", integer=True)) == MAX_VALUES
    with pytest.raises(BadInput, match="slip of the pen"):
        parse_numbers("Epochs", f"1-{MAX_VALUES}, 5000", integer=True)


def test_values_are_found_by_their_names() -> None:
    assert labels("path", {"yes": True, "no": False}, [False, True]) == ["no", "yes"]
    assert labels("path", None, [0.1, 3, 1e-05]) == ["0.1", "3", "1e-05"]
    with pytest.raises(BadInput, match=r"^path: 1 is not among the choices of the form: yes, no"):
        labels("path", {"yes": True, "no": False}, [1])
