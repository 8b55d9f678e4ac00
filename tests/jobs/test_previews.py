"""The real price in its own process: torch is loaded there, never here."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs import previews, sweeps
from greenai_core.store import records
from tests import factory

pytestmark = pytest.mark.slow


@pytest.fixture
def cold() -> Iterator[None]:
    """No process and nothing remembered, before and after."""
    previews._ask.cache_clear()
    yield
    if previews._process is not None:
        previews._process.kill()
    previews._process = None


def test_prices_are_found_elsewhere_and_remembered_until_the_store_changes(cold: None) -> None:
    had_torch = "torch" in sys.modules
    spec = factory.spec(technique="l1_channel_pruning", sparsity=0.8).model_dump(mode="json")
    sweep = {"spec": spec, "sweep": {"recipe.1.sparsity": [0.6, 0.8]}, "seeds": [0, 1]}
    answer = previews.ask(sweep)
    assert answer["after"]["params"] == [241_936, 483_848]
    assert (answer["runs"], answer["stored"], answer["stages_in_all"], answer["stages_to_run"]) == (4, 0, 12, 10)
    assert ("torch" in sys.modules) is had_torch
    assert previews.ask(sweep) is answer
    records.save(factory.record(sweeps.read(sweep).specs[0]))
    assert previews.ask(sweep)["stored"] == 1
    assert (previews.ask(sweep)["to_run"], previews.ask(sweep, again=True)["to_run"]) == (3, 4)
    with pytest.raises(BadInput, match="nowhere"):
        previews.ask({**spec, "dataset": {"name": "image_folder", "path": "nowhere"}})
    assert previews._process is not None
    previews._process.kill()
    assert previews.ask(factory.spec().model_dump(mode="json"))["after"]["params"] == [1_199_882, 1_199_882]
