"""docs/techniques.md is what the code and the bank say; its tables leave nothing out without a word."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from greenai_core import registry
from greenai_core.settings import ROOT
from greenai_core.spec import check
from greenai_core.store import records
from tests import factory
from tools import techniques_page

ENTRIES = [(kind, name) for kind in ("techniques", "models") for name in registry.names(kind)]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The points of the bank that the repository ships."""
    monkeypatch.setenv("GREENAI_BANK", str(ROOT / "results" / "bank"))
    return techniques_page.told(records.table("bank"))


def test_the_page_is_up_to_date(measured: pd.DataFrame) -> None:
    assert techniques_page.PAGE.read_text("utf-8") == techniques_page.page(), "run python -m tools.techniques_page"


def test_the_numbers_of_the_readme_are_those_of_the_catalogue() -> None:
    techniques, models = (len(registry.names(kind)) for kind in ("techniques", "models"))
    assert f"{techniques} techniques, {models} models" in (ROOT / "README.md").read_text("utf-8")


def rows(text: str) -> list[str]:
    """What the rows of a table are of."""
    return [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][1:]


def test_no_two_rows_of_a_table_read_alike_and_each_has_a_dense_one_to_compare_with(measured: pd.DataFrame) -> None:
    for kind, name in ENTRIES:
        text = "\n".join(techniques_page.table(kind, name, measured))
        shown = rows(text)
        assert len(set(shown)) == len(shown), name
        dense = {row.partition(", train (dense)")[0] for row in shown if " (dense)" in row}
        for row in shown:
            network = re.match(r"\w+, \w+(?: \([^)]*\))?", row)
            assert network is not None, row
            dataset, _, network_alone = network[0].partition(", ")
            assert network[0] in dense or f"{network_alone} on {dataset}" in text, row


def test_a_table_shows_every_point_or_says_how_many_it_leaves_out(measured: pd.DataFrame) -> None:
    for kind, name in ENTRIES:
        text = "\n".join(techniques_page.table(kind, name, measured))
        shown = [row for row in rows(text) if kind == "models" or name in re.findall(r"\w+", row)]
        left = re.search(r"^Left out: (.*)$", text, re.MULTILINE)
        said = sum(int(number) for number in re.findall(r"(?:^|; )(\d+)", left[1])) if left else 0
        if kind == "models":
            held = measured[measured["model"] == name]
        else:
            held = measured[[name in each.split(" > ") for each in measured["techniques"]]]
        assert len(held) in (len(shown) + said, 0), name


def test_rows_that_would_read_alike_are_told_apart_by_all_that_differs() -> None:
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train", "epochs": 5}]}
    for seed, lesson in ((0, {"epochs": 3}), (1, {"epochs": 3}), (0, {"epochs": 7, "augment": "flip"})):
        recipe = [{"name": "distill", "teacher": teacher, **lesson}]
        asked = {"dataset": {"name": "digits"}, "model": {"name": "mlp_student"}, "recipe": recipe, "seed": seed}
        run = factory.record(check(asked), latency_ms=0.02 + 0.01 * seed, accuracy_val=0.9 + 0.01 * seed)
        records.save(run)
    text = "\n".join(techniques_page.table("techniques", "distill", techniques_page.told(records.table())))
    once, twice = rows(text)
    assert once.endswith("mlp_student, distill, distill epochs 7, distill augment flip")
    assert twice.endswith("mlp_student, distill, distill epochs 3, distill augment none")
    line = next(line for line in text.splitlines() if line.startswith(f"| {twice}"))
    assert " | 2 | 90.50 ± 6.35 % | " in line, "Student's t with one degree of freedom, times half a point"
    assert " | 25.0 ± 63.5 µs | " in line
    assert "Without a dense point in the bank: mlp_student on digits." in text


def test_the_page_says_when_each_technique_pays() -> None:
    page = techniques_page.PAGE.read_text("utf-8")
    for name in registry.names("techniques"):
        assert f"**Pays** {registry.entry('techniques', name).describe()['pays']}" in page
