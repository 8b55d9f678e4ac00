"""The Energy view of the Results page."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core.jobs import queue, supervisor
from greenai_core.store import records
from tests import factory
from tests.test_pages import FRAME, words


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (queue, supervisor):
        monkeypatch.setattr(module, "ensure_supervisor", lambda: None)


def _section() -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from pages.components import spending

    spending.section()


def alone(**query: str) -> AppTest:
    app = AppTest.from_function(_section, default_timeout=30)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    return app


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params.update({"show": "Energy", **query})
    app.switch_page("results.py").run()
    assert not app.exception, app.exception
    return app


def test_the_joules_of_own_runs_are_answered_in_words_and_told_apart() -> None:
    done = factory.record(energy_spent_j=100.0)
    lost = factory.record(factory.spec(seed=1), status="failed", energy_spent_j=25.0)
    for record in (done, lost, factory.record(factory.spec(seed=2), kind="measured", energy_spent_j=50.0)):
        records.save(record)
    app = opened()
    said = words(app).replace("\\", "")
    assert "Of 125 J spent by 2 runs stored here" in said and ":gray-badge[○ estimated]" in said
    assert "Of 50.0 J spent by 1 run stored here" in said and ":green-badge[● measured]" in said
    (table,) = app.dataframe
    assert table.value["Spent (J)"].sum() == pytest.approx(175.0)
    assert list(table.value["How"]) == ["○ estimated", "● measured", "○ estimated"]


def test_a_link_restores_what_they_are_told_apart_by() -> None:
    records.save(factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.5)))
    (table,) = alone(joules_by="Stage").dataframe
    assert set(table.value["Stage"]) == {
        "train",
        "magnitude_pruning",
        "fine_tune",
        "evaluation, export, measuring",
    }


def test_runs_of_unknown_energy_are_left_out_and_said() -> None:
    records.save(factory.record(energy_spent_j=None))
    assert "Left out: 1 run whose energy is unknown" in words(alone())


def test_without_own_runs_the_next_step_is_said() -> None:
    assert "No run is stored yet" in words(opened())
