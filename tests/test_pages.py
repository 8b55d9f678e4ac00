"""Every page, in Streamlit's own harness: no browser, the real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core import settings
from greenai_core.analysis.explore import Filters
from greenai_core.examples import first_experiment
from greenai_core.jobs import previews, queue, supervisor
from greenai_core.store import records
from pages.components import once_drawn
from tests import factory

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
PAGES = ("overview", "explore", "results", "launch", "jobs")
ANSWER = {
    "runs": 1,
    "stored": 0,
    "to_run": 1,
    "beside": 0,
    "predicted": {"wall_s": 7.5, "energy_j": 45.0, "basis": "3 stored runs on this machine"},
    "stages_to_run": 3,
    "stages_in_all": 3,
    "free": {},
    "before": dict.fromkeys(("params", "nonzero_params", "macs", "size_bytes"), (1_199_882, 1_199_882)),
    "after": dict.fromkeys(("params", "nonzero_params", "macs", "size_bytes"), (241_936, 241_936)),
    "exact": True,
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: those have tests of their own, and the browser tests use them."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(previews, "ask", lambda document, again: ANSWER)


@pytest.fixture
def filled() -> Iterator[None]:
    for record in [*factory.records(2), *factory.records(1, host="elsewhere", kind="measured")]:
        records.save(record)
    yield


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30)
    app.query_params.update(query)
    app.run()
    app.session_state[once_drawn.FLAG] = True  # there is no browser that would say so
    if page != "overview":
        app.switch_page(f"{page}.py").run()
    assert not app.exception, app.exception
    return app


def _inspect(record: object) -> None:
    """A page by itself: Streamlit runs this text without what stands around it."""
    from greenai_core.record import Record
    from pages.components import inspect

    assert isinstance(record, Record)
    inspect.one(record)


def words(app: AppTest) -> str:
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "success", "metric")
    return "\n".join(f"{getattr(item, 'label', '')} {item.value}" for kind in kinds for item in app.get(kind))


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_store_says_what_to_do_next(page: str) -> None:
    app = opened(page)
    assert len(app.title) == 1
    if page not in ("launch",):
        assert app.info, f"{page} shows nothing and says nothing"


@pytest.mark.parametrize("page", PAGES)
def test_a_filled_store_is_shown_without_complaint(page: str, filled: None) -> None:
    app = opened(page)
    assert not app.error
    assert len(app.title) == 1


def test_the_overview_names_the_data_set_of_its_picks(filled: None) -> None:
    app = opened("overview")
    assert "digits" in words(app)
    labels = [metric.label for metric in app.metric]
    assert {"Own runs", "Best accuracy", "Smallest within 1 point", "Cheapest within 1 point"} <= set(labels)


def test_the_first_experiment_is_one_click_away() -> None:
    opened("overview").button(key="first").click().run()
    (job,) = queue.jobs()
    assert job.spec_id == first_experiment().spec_id


def test_the_first_experiment_takes_the_next_free_seed() -> None:
    records.save(factory.record(first_experiment(0)))
    opened("overview").button(key="first").click().run()
    assert [job.spec["seed"] for job in queue.jobs()] == [1]


def test_a_link_restores_the_view_of_explore(filled: None) -> None:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params.update({"cost": "Latency", "split": "Test", "technique": "distill", "least": "50", "by": "model"})
    app.session_state[once_drawn.FLAG] = True
    app.switch_page("explore.py").run()
    assert not app.exception
    assert app.multiselect(key="technique").value == ["distill"]
    assert app.slider(key="least").value == 50
    assert "lucky" in words(app)  # the sentence on choosing by test accuracy


def test_explore_says_what_it_leaves_out_and_offers_the_other_group(filled: None) -> None:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params["cost"] = "Training energy"
    app.session_state[once_drawn.FLAG] = True
    app.switch_page("explore.py").run()
    assert "11 runs measured under other conditions" in words(app)
    (other,) = [box for box in app.selectbox if box.label == "Measured on"]
    assert len(other.options) == 2


def test_the_picks_of_explore_are_of_the_group_that_is_drawn_and_chosen_on_validation() -> None:
    here = [factory.record(factory.spec(seed=seed), accuracy_val=0.9 + seed / 100, accuracy=0.8) for seed in range(3)]
    there = factory.record(factory.spec(seed=7), host="elsewhere", accuracy_val=0.5, accuracy=0.6)
    other = factory.spec(technique="magnitude_pruning", sparsity=0.5)
    lucky = factory.record(other, host="elsewhere", accuracy_val=0.4, accuracy=0.99)
    for record in [*here, there, lucky]:
        records.save(record)
    found = factory.view(Filters("digits", cost="Latency", split="Test"))
    assert found is not None
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params.update({"cost": "Latency", "split": "Test", "group": found.others[0].id})
    app.session_state[once_drawn.FLAG] = True
    app.switch_page("explore.py").run()
    (best,) = [item for item in app.metric if item.label == "Best accuracy"]
    assert (best.value, best.delta) == ("50.00 %", "validation; test 60.00 %")


def test_a_recommendation_that_rests_on_one_seed_offers_more(filled: None) -> None:
    assert not [button for button in opened("explore").button if button.label == "Run 4 more seeds"]
    records.save(
        factory.record(factory.spec(model="mlp_student", seed=7), accuracy_val=1.0, size_bytes=10, host="there")
    )
    other = factory.spec(model="mlp_student", technique="magnitude_pruning", sparsity=0.5)
    records.save(factory.record(other, accuracy_val=1.0, accuracy=1.0, size_bytes=10))
    app = opened("explore")
    (more,) = [button for button in app.button if button.label == "Run 4 more seeds"]
    more.click().run()
    assert sorted(
        job.spec["seed"] for job in queue.jobs() if job.spec["recipe"] == other.model_dump(mode="json")["recipe"]
    ) == [1, 2, 3, 4]


def test_filters_that_match_nothing_say_so(filled: None) -> None:
    app = opened("explore")
    app.slider(key="least").set_value(100).run()
    assert "No run matches" in words(app)


def test_a_dashboard_that_others_can_reach_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit import config

    monkeypatch.setenv("GREENAI_LAUNCH_TOKEN", "open sesame")
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    try:
        app = opened("launch")
        assert app.button(key="launch").disabled
        assert "read-only" in words(app)
        app.text_input(key="typed_token").set_value("wrong").run()
        assert app.button(key="launch").disabled
        app.text_input(key="typed_token").set_value("open sesame").run()
        assert not app.button(key="launch").disabled
        app.switch_page("overview.py").run()
        assert not app.button(key="first").disabled
    finally:
        config.set_option("server.address", before)


def test_published_figures_stand_beside_ours(filled: None) -> None:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params["show"] = "Published"
    app.switch_page("results.py").run()
    assert not app.exception
    (table,) = app.dataframe
    assert {"Published", "Test accuracy (%)", "Ours (%)", "Our recipe", "Ours from"} <= set(table.value.columns)


def test_a_published_table_that_changes_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "REFERENCE", tmp_path)
    for count in (1, 2):
        (tmp_path / f"table{count}.csv").write_text("label,dataset,model,technique\nA,digits,mnist_cnn,dense\n")
        app = opened("overview")
        assert next(item.value for item in app.metric if item.label == "Published figures") == str(count)


def test_reasons_to_doubt_an_energy_are_said_in_plain_words() -> None:
    sound = factory.record()
    shared = sound.stages[0].model_copy(update={"window": {"quality": ["shared_machine"]}})
    timed = sound.measurements[0].model_copy(update={"quality": ("high_cv", "too_short")})
    doubtful = sound.model_copy(update={"stages": (shared,), "measurements": (timed,)})
    app = AppTest.from_function(_inspect, args=(doubtful,), default_timeout=30).run()
    assert not app.exception
    said = words(app)
    assert "shared_machine: other programs used the processor meanwhile" in said
    assert "high_cv: its 95 % interval is wider than 5 % of it" in said
    assert "too_short: the work was over" in said
    assert ":material/warning:" not in words(AppTest.from_function(_inspect, args=(sound,), default_timeout=30).run())


def test_the_stages_of_a_run_include_those_of_its_teacher() -> None:
    taught = factory.record(factory.spec(model="mlp_student", technique="distill"))
    app = AppTest.from_function(_inspect, args=(taught,), default_timeout=30).run()
    assert not app.exception
    (table,) = [item.value for item in app.dataframe if "Stage" in item.value.columns]
    assert list(table["Stage"]) == ["1. distill", "1.1 teacher: train"]


def test_a_damaged_store_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"sqlite:///{tmp_path}")
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    assert not app.exception
    assert "cannot be used as a store" in words(app)
