from __future__ import annotations

import pytest

from greenai_core.charts import layers
from greenai_core.charts.looks import OKABE_ITO
from greenai_core.layer_sizes import Layer, Sizes

FOUND = {
    "A: dense": Sizes(tuple(Layer(place, "linear", f"fc{place}", 2000 * place) for place in range(1, 12)), 500),
    "B: int8": Sizes(tuple(Layer(place, "linear", "", 500 * place) for place in range(1, 12)), 900),
}


def test_bars_add_up_to_the_files() -> None:
    figure = layers.size_by_layer(FOUND)
    for run, sizes in FOUND.items():
        drawn = sum(x for bar in figure.data for x, y in zip(bar.x, bar.y, strict=True) if y == run)
        assert drawn == pytest.approx(sizes.total_bytes / 1024)
    assert figure.layout.xaxis.title.text == "File size (KB)"
    assert figure.layout.barmode == "stack"


def test_no_two_parts_share_a_colour_and_what_is_no_layer_is_grey() -> None:
    figure = layers.size_by_layer(FOUND)
    assert len({bar.marker.color for bar in figure.data}) == len(figure.data) == len(OKABE_ITO)
    assert (figure.data[-1].name, figure.data[-1].marker.color) == ("Graph and names", OKABE_ITO[-1])
    assert figure.data[-2].name == "5 other layers"


def test_hovering_tells_bytes_and_share() -> None:
    last = next(bar for bar in layers.size_by_layer(FOUND).data if bar.name == "11. fc11")
    assert list(last.text) == ["22,000 bytes, 16.6 % of the file", "5,500 bytes, 16.2 % of the file"]
    assert last.hovertemplate.startswith("11. fc11 linear: ")


def test_the_description_has_the_numbers() -> None:
    assert "A: dense: 129 KB in 11 layers, 21.5 KB of it for 11. fc11" in layers.describe(FOUND)
