"""The real preview in its own process: torch is loaded there, never here."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs import previews
from greenai_core.spec import check
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


def test_previews_are_counted_elsewhere_and_remembered_until_the_store_changes(cold: None) -> None:
    had_torch = "torch" in sys.modules
    spec = factory.spec(technique="l1_channel_pruning", sparsity=0.8)
    answer = previews.ask(spec)
    assert (answer["params"], answer["baseline"]["params"]) == (241_936, 1_199_882)
    assert ("torch" in sys.modules) is had_torch
    assert previews.ask(spec) is answer
    records.save(factory.record())
    assert previews.ask(spec) is not answer
    with pytest.raises(BadInput, match="nowhere"):
        previews.ask(check({**spec.model_dump(mode="json"), "dataset": {"name": "image_folder", "path": "nowhere"}}))
    assert previews._process is not None
    previews._process.kill()
    assert previews.ask(factory.spec())["params"] == 1_199_882
