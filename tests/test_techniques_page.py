"""docs/techniques.md is what the code and the bank say."""

from __future__ import annotations

import pytest

from greenai_core import registry
from greenai_core.settings import ROOT
from tools import techniques_page


def test_the_page_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_BANK", str(ROOT / "results" / "bank"))
    assert techniques_page.PAGE.read_text("utf-8") == techniques_page.page(), "run python -m tools.techniques_page"


def test_the_numbers_of_the_readme_are_those_of_the_catalogue() -> None:
    techniques, models = (len(registry.names(kind)) for kind in ("techniques", "models"))
    assert f"{techniques} techniques, {models} models" in (ROOT / "README.md").read_text("utf-8")
