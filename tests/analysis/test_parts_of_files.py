from __future__ import annotations

import pandas as pd

from greenai_core.analysis import layers
from greenai_core.layer_sizes import Layer, Sizes

FLOAT = Sizes((Layer(1, "convolution 3x3", "conv1", 1280), Layer(2, "linear", "fc1", 4000)), 500)
INT8 = Sizes((Layer(1, "convolution 3x3", "", 330), Layer(2, "linear", "", 1010)), 900)
FACTORED = Sizes(
    (Layer(1, "convolution 3x3", "conv1", 1280), Layer(2, "linear", "fc1.0", 300), Layer(3, "linear", "fc1.1", 200)),
    520,
)


def test_a_layer_without_a_name_is_called_as_that_of_another_file_in_its_place() -> None:
    found = layers.parts({"A": FLOAT, "B": INT8})
    assert [(part.name, dict(part.size_bytes)) for part in found] == [
        ("1. conv1", {"A": 1280, "B": 330}),
        ("2. fc1", {"A": 4000, "B": 1010}),
        (layers.REST, {"A": 500, "B": 900}),
    ]
    assert [part.name for part in layers.parts({"B": INT8})] == ["1. convolution 3x3", "2. linear", layers.REST]


def test_files_that_disagree_are_called_by_what_the_layer_is() -> None:
    found = layers.parts({"A": FLOAT, "C": FACTORED})
    assert [part.name for part in found] == ["1. conv1", "2. linear", "3. fc1.1", layers.REST]
    assert found[2].size_bytes == {"C": 200}


def test_layers_of_another_kind_in_one_place_stay_apart() -> None:
    other = Sizes((Layer(1, "linear", "fc", 40),), 10)
    assert [part.name for part in layers.parts({"A": FLOAT, "D": other})] == [
        "1. conv1",
        "1. fc",
        "2. fc1",
        layers.REST,
    ]


def test_the_table_adds_up_to_the_files() -> None:
    found = layers.table({"A": FLOAT, "C": FACTORED})
    assert list(found) == ["Layer", "Kind", "A", "C"]
    assert found["Layer"].iloc[-1] == layers.FILE
    for run, sizes in (("A", FLOAT), ("C", FACTORED)):
        assert found[run].iloc[:-1].sum() == found[run].iloc[-1] == sizes.total_bytes
    assert pd.isna(found.loc[found["Layer"] == "3. fc1.1", "A"].item())


def test_of_many_layers_the_largest_are_kept_and_nothing_is_lost() -> None:
    many = Sizes(tuple(Layer(place, "linear", f"fc{place}", 100 * (place % 7) + 1) for place in range(1, 21)), 77)
    whole = layers.parts({"A": many, "B": FLOAT})
    few = layers.fewer(whole, 3)
    assert [part.name for part in few] == ["1. conv1", "2. linear", "6. fc6", "18 other layers", layers.REST]
    for run, sizes in (("A", many), ("B", FLOAT)):
        assert sum(part.size_bytes.get(run, 0) for part in few) == sizes.total_bytes
    assert layers.fewer(layers.parts({"A": FLOAT}), 1) == layers.parts({"A": FLOAT})  # one other is itself
