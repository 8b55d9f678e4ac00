from __future__ import annotations

import json

import pytest

from greenai_core.store.derived import network


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"name": "mnist_cnn"}, "mnist_cnn"),
        ({"name": "plain_cnn", "channels": 16, "depth": 2}, "plain_cnn"),
        ({"name": "plain_cnn", "channels": 11, "depth": 2}, "plain_cnn (channels 11)"),
        ({"name": "lstm", "hidden": 64, "layers": 2}, "lstm (hidden 64, layers 2)"),
        ({"name": "of_an_older_program", "width": 0.5}, "of_an_older_program (width 0.5)"),
    ],
)
def test_a_network_is_told_by_what_of_it_is_not_as_usual(model: dict[str, object], said: str) -> None:
    assert network(json.dumps(model)) == said
