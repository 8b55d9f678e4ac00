"""The Explore page as a whole, in Streamlit's own harness: what is offered, what is said, what a rerun works out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core.analysis.explore import Filters
from greenai_core.jobs import queue, supervisor
from greenai_core.record import Record
from greenai_core.spec import Spec, check
from greenai_core.store import records
from greenai_core.store.database import writing
from pages.components import data, once_drawn
from tests import factory
from tests.test_pages import FRAME, words

OTHER = factory.spec(model="mlp_student", technique="magnitude_pruning", sparsity=0.5)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)


def opened(*stored: Record, page: str = "explore", **query: str | list[str]) -> AppTest:
    with writing() as connection:
        records.insert(connection, *stored)
    app = AppTest.from_file(FRAME, default_timeout=60).run()
    app.query_params.update(query)
    app.session_state[once_drawn.FLAG] = True  # there is no browser that would say so
    return checked(app if page == "overview" else app.switch_page(f"{page}.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def select(app: AppTest, run_ids: Sequence[str]) -> AppTest:
    """Select points in the chart: the harness has no way of its own."""
    app.session_state["chart"] = {"selection": {"points": [{"customdata": run_id} for run_id in run_ids]}}
    return checked(app.run())


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button if button.key and button.key.startswith("more-seeds")]


def queued(recipe: Spec) -> list[int]:
    return sorted(
        job.spec["seed"] for job in queue.jobs() if job.spec["recipe"] == recipe.model_dump(mode="json")["recipe"]
    )


@pytest.mark.parametrize("split", ["Test", "Macro F1 (test)"])
def test_runs_without_a_validation_accuracy_are_shown_and_nothing_is_picked(split: str) -> None:
    app = opened(*(record.model_copy(update={"accuracy_val": None}) for record in factory.records(1)), split=split)
    assert "11 points of 11 runs" in words(app)
    assert "No recipe can be judged: validation accuracy is unknown of each." in words(app)
    assert [metric.label for metric in app.metric] == ["On the front"]


def test_the_overview_says_that_nothing_can_be_ranked() -> None:
    app = opened(*(record.model_copy(update={"accuracy_val": None}) for record in factory.records(1)), page="overview")
    assert "No run on digits has both a known validation accuracy and a known file size" in words(app)


def test_runs_with_a_cost_of_zero_are_left_out_in_words() -> None:
    free = factory.record(factory.spec(seed=5), energy_train_j=0.0)
    app = opened(*factory.records(1), free, cost="Training energy")
    assert "1 run with a cost of 0 or less (a logarithmic axis has no place for it)" in words(app)
    assert "11 points of 11 runs" in words(app)


@pytest.mark.parametrize(("seeds", "said"), [(1, False), (2, True)])
def test_points_that_are_tied_are_explained(seeds: int, said: bool) -> None:
    assert ("thin ring" in words(opened(*factory.records(seeds)))) == said


@pytest.mark.parametrize(
    ("stored", "label", "seeds"), [(1, "Run 4 more seeds", [1, 2, 3, 4]), (4, "Run 1 more seed", [4])]
)
def test_a_recommendation_of_few_seeds_offers_those_that_are_missing(stored: int, label: str, seeds: list[int]) -> None:
    best = [
        factory.record(OTHER.model_copy(update={"seed": seed}), accuracy_val=1.0, size_bytes=10)
        for seed in range(stored)
    ]
    app = opened(*factory.records(1), *best)
    assert buttons(app) == [label]
    checked(app.button(key="more-seeds").click().run())
    assert queued(OTHER) == seeds


def test_five_seeds_are_enough() -> None:
    best = [
        factory.record(OTHER.model_copy(update={"seed": seed}), accuracy_val=1.0, size_bytes=10) for seed in range(5)
    ]
    assert buttons(opened(*factory.records(1), *best)) == []


def test_selected_points_are_given_the_seeds_that_they_lack() -> None:
    once, twice = factory.spec(seed=7), factory.spec(technique="l1_channel_pruning", sparsity=0.5)
    pair = [factory.record(twice.model_copy(update={"seed": seed})) for seed in (0, 1)]
    app = opened(factory.record(once), *pair)
    select(app, [f"here-{once.spec_id}", *(record.run_id for record in pair)])
    assert "Run 7 more seeds of 2 recipes" in buttons(app)
    checked(app.button(key="more-seeds-selected").click().run())
    assert (queued(once), queued(twice)) == ([0, 1, 2, 3], [2, 3, 4])


def test_one_click_does_not_fill_the_queue() -> None:
    many = [
        factory.record(factory.spec(technique="magnitude_pruning", sparsity=0.01 * part), run_id=f"many-{part}")
        for part in range(1, 31)
    ]
    app = opened(*many)
    for count, refused in ((25, False), (26, True)):  # four seeds each
        select(app, [record.run_id for record in many[:count]])
        assert app.button(key="more-seeds-selected").disabled == refused


@pytest.mark.parametrize(
    ("host", "cost", "said"),
    [
        ("elsewhere", "Size", False),
        ("elsewhere", "Latency", True),
        ("elsewhere", "Carbon", True),
        ("here", "Latency", False),
    ],
)
def test_it_says_where_new_seeds_will_not_join_the_point(host: str, cost: str, said: bool) -> None:
    app = opened(*(factory.on_grid(record, 360.0) for record in factory.records(1, host=host)), cost=cost)
    assert buttons(app) == ["Run 4 more seeds"]
    assert ("will form a point of their own" in words(app)) == said


def test_what_is_below_the_chart_waits_until_the_browser_has_drawn_it() -> None:
    app = opened(*factory.records(1))
    assert "Points on the front" in words(app)
    del app.session_state[once_drawn.FLAG]
    checked(app.run())
    assert "Points on the front" not in words(app)
    assert "11 points of 11 runs" in words(app)


def test_what_hides_behind_the_filter_button_is_said() -> None:
    app = opened(*factory.records(1))
    assert "Only" not in words(app)
    checked(app.multiselect(key="technique").select("distill").run())
    checked(app.slider(key="sparsity").set_value((0, 50)).run())
    assert "Only technique distill, sparsity 0 to 50 %." in words(app)


def test_a_rerun_works_a_view_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    view = data.view
    monkeypatch.setattr(data, "view", lambda *asked: found.append(asked) or view(*asked))
    app = opened(*factory.records(2))
    assert len(found) == 1  # Overview, which comes first, shows the same
    found.clear()
    checked(app.slider(key="least").set_value(50).run())
    assert len(found) == 1
    checked(app.run())
    select(app, [f"here-{factory.spec().spec_id}"])
    assert len(found) == 1


def _deleted_meanwhile() -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    import streamlit as st

    from greenai_core.analysis.explore import Filters
    from greenai_core.jobs.access import Access
    from greenai_core.store import records
    from pages.components import data

    asked = data.asked(Filters("digits"))
    view = data.explore(asked)
    assert view is not None
    records.delete(list(view.runs["run_id"]), Access.local())
    figure = data.chart(asked, view, "family")
    points = sum(len(trace.x) for trace in figure.data if trace.customdata is not None)
    st.text(f"{points} drawn of {len(view.front.table)}, {len(data.alike(asked, 'Size', view))} alike")
    st.text(f"{data.explore(data.asked(Filters('digits')))} with the next rerun")


def test_the_chart_is_of_the_runs_of_the_table_although_they_are_deleted_meanwhile() -> None:
    with writing() as connection:
        records.insert(connection, *factory.records(1))
    app = checked(AppTest.from_function(_deleted_meanwhile, default_timeout=60).run())
    assert [text.value for text in app.text] == ["11 drawn of 11, 11 alike", "None with the next rerun"]


def test_the_group_that_is_chosen_stands_in_the_link() -> None:
    stored = [*factory.records(2), *factory.records(1, host="elsewhere")]
    app = opened(*stored, cost="Latency")
    (choice,) = [box for box in app.selectbox if box.label == "Measured on"]
    assert "22 runs" in choice.options[0]
    checked(choice.select_index(1).run())
    group = app.query_params["group"]
    assert "11 points of 11 runs" in words(app)
    again = opened(cost="Latency", group=group)
    assert "11 points of 11 runs" in words(again)
    assert "22 points" not in words(again)


def test_a_temperature_without_a_short_decimal_can_be_asked_for() -> None:
    warm = factory.spec(model="mlp_student", technique="distill").model_dump(mode="json")
    warm["recipe"][0]["temperature"] = 10 / 3
    app = opened(*factory.records(1), factory.record(check(warm)))
    (word,) = [option for option in app.multiselect(key="temperature").options if option.startswith("3.3")]
    checked(app.multiselect(key="temperature").select(word).run())
    assert "1 point of 1 run" in words(app)


def test_downloads_of_lifetimes_say_what_they_are_of() -> None:
    app = opened(*factory.records(1), cost="Lifetime energy", predictions="5 million")
    view = data.explore(data.asked(Filters("digits", cost="Lifetime energy", predictions=5e6)))
    assert view is not None and "5 million predictions" in words(app)
    assert set(view.runs["lifetime_predictions"]) == {5e6}
