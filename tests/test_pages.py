"""Every page, in Streamlit's own harness: no browser, the real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core import settings
from greenai_core.analysis.explore import Filters, view
from greenai_core.draft import Draft
from greenai_core.examples import first_experiment
from greenai_core.jobs import previews, queue, states, supervisor
from greenai_core.jobs.access import Access
from greenai_core.spec import Spec
from greenai_core.store import records
from tests import factory

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
PAGES = ("overview", "explore", "results", "launch", "jobs")
ANSWER = {
    "params": 241_936,
    "nonzero_params": 241_936,
    "macs": 755_000,
    "size_bytes": 968_000,
    "baseline": {"params": 1_199_882, "nonzero_params": 1_199_882, "macs": 11_990_000, "size_bytes": 4_800_000},
    "predicted": {"wall_s": 7.5, "energy_j": 45.0, "basis": "3 stored runs on this machine"},
    "cached_stages": [0],
    "stages": [{"name": "train"}, {"name": "l1_channel_pruning"}, {"name": "fine_tune"}],
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: those have tests of their own, and the browser tests use them."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(previews, "ask", lambda spec: ANSWER)


@pytest.fixture
def filled() -> Iterator[None]:
    for record in [*factory.records(2), *factory.records(1, host="elsewhere", kind="measured")]:
        records.save(record)
    yield


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30)
    app.query_params.update(query)
    app.run()
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
    app.switch_page("explore.py").run()
    assert not app.exception
    assert app.multiselect(key="technique").value == ["distill"]
    assert app.slider(key="least").value == 50
    assert "lucky" in words(app)  # the sentence on choosing by test accuracy


def test_explore_says_what_it_leaves_out_and_offers_the_other_group(filled: None) -> None:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params["cost"] = "Training energy"
    app.switch_page("explore.py").run()
    assert "11 runs measured under other conditions" in words(app)
    (other,) = [box for box in app.selectbox if box.label == "Measured on"]
    assert len(other.options) == 2


def test_the_picks_of_explore_are_of_the_group_that_is_drawn_and_chosen_on_validation() -> None:
    here = [factory.record(factory.spec(seed=seed), accuracy_val=0.9 + seed / 100, accuracy=0.8) for seed in range(3)]
    there = factory.record(factory.spec(seed=7), host="elsewhere", accuracy_val=0.5, accuracy=0.6)
    lucky = factory.record(factory.spec(seed=8), host="elsewhere", accuracy_val=0.4, accuracy=0.99)
    for record in [*here, there, lucky]:
        records.save(record)
    found = view(records.table(), Filters("digits", cost="Latency", split="Test"))
    assert found is not None
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params.update({"cost": "Latency", "split": "Test", "group": found.others[0].id})
    app.switch_page("explore.py").run()
    (best,) = [item for item in app.metric if item.label == "Best accuracy"]
    assert (best.value, best.delta) == ("50.00 %", "validation; test 60.00 %")


def test_filters_that_match_nothing_say_so(filled: None) -> None:
    app = opened("explore")
    app.slider(key="least").set_value(100).run()
    assert "No run matches" in words(app)


def test_launch_shows_sizes_price_and_what_is_free() -> None:
    shown = words(opened("launch"))
    assert "241,936" in shown
    assert "45.0 J" in shown
    assert "3 stored runs on this machine" in shown
    assert "1. train" in shown


def priced(app: AppTest) -> dict[str, str]:
    return {item.label: item.value for item in app.metric if item.label in ("Time", "Energy")}


def seeds(app: AppTest, text: str) -> AppTest:
    next(item for item in app.text_input if item.label == "Seeds").set_value(text).run()
    assert not app.exception
    return app


def test_the_price_is_that_of_all_seeds_that_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(spec: Spec) -> dict[str, Any]:
        cached = [0] if spec.seed == 1 else []
        return ANSWER | {
            "cached_stages": cached,
            "predicted": {"wall_s": 1.0, "energy_j": 10.0 * spec.seed, "basis": "b"},
        }

    monkeypatch.setattr(previews, "ask", ask)
    records.save(factory.record(first_experiment(0)))
    app = seeds(opened("launch"), "0-3")
    assert priced(app) == {"Time": "3.00 s", "Energy": "60.0 J"}
    assert "Price of 3 runs**, 1 more stored already" in words(app)
    assert "1. train (in 1 of 3 runs)" in words(app)
    app.toggle(key="again").set_value(True).run()
    assert priced(app)["Time"] == "4.00 s"
    assert "Nothing is left to run" in words(seeds(opened("launch"), "0"))


def test_the_first_eight_seeds_stand_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set()
    monkeypatch.setattr(previews, "ask", lambda spec: asked.add(spec.seed) or ANSWER)
    app = seeds(opened("launch"), "0-19")
    assert asked == set(range(8))
    assert priced(app) == {"Time": "2.50 min", "Energy": "900 J"}
    assert "the first 8 of 20 seeds, scaled to all" in words(app)


def test_launch_submits_one_job_per_seed() -> None:
    app = opened("launch")
    next(item for item in app.text_input if item.label == "Seeds").set_value("0, 1").run()
    app.button(key="launch").click().run()
    assert not app.exception
    assert sorted(job.spec["seed"] for job in queue.jobs()) == [0, 1]


def test_a_stored_run_is_answered_and_not_run_again() -> None:
    records.save(factory.record(first_experiment()))
    app = opened("launch")
    assert "stored already" in words(app)
    app.button(key="launch").click().run()
    assert queue.jobs() == []


def test_the_sparsity_slider_reaches_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(previews, "ask", lambda spec: asked.append(spec) or ANSWER)
    app = opened("launch")
    next(item for item in app.slider if item.label == "Sparsity").set_value(0.6).run()
    assert [spec.recipe[1].sparsity for spec in asked][-1] == 0.6


def test_a_refused_recipe_shows_its_sentence_instead_of_the_price() -> None:
    app = opened("launch")
    first = app.session_state["draft"].stages[0].uid
    app.button(key=f"{first}.delete").click().run()
    assert "needs a model that is trained" in words(app)
    assert "45.0 J" not in words(app)
    assert not [button for button in app.button if button.key == "launch"]


def test_a_stage_can_be_added_and_moved() -> None:
    app = opened("launch")
    draft: Draft = app.session_state["draft"]
    app.selectbox(key=f"{draft.uid}.add").set_value("magnitude_pruning").run()
    app.button(key=f"{draft.uid}.add-button").click().run()
    added = app.session_state["draft"].stages[-1]
    assert added.name == "magnitude_pruning"
    app.button(key=f"{added.uid}.arrow_upward").click().run()
    assert [stage.name for stage in app.session_state["draft"].stages][-2] == "magnitude_pruning"


def test_distillation_has_a_teacher_with_a_recipe_of_its_own() -> None:
    app = opened("launch")
    draft: Draft = app.session_state["draft"]
    app.selectbox(key=f"{draft.uid}.add").set_value("distill").run()
    app.button(key=f"{draft.uid}.add-button").click().run()
    assert not app.exception
    teacher = app.session_state["draft"].stages[-1].values["teacher"]
    app.selectbox(key=f"{teacher.uid}.model").set_value("mlp_student").run()
    assert not app.exception
    assert app.session_state["draft"].specs()[0].recipe[-1].teacher.model.name == "mlp_student"


def test_an_uploaded_spec_fills_the_form() -> None:
    app = opened("launch")
    spec = factory.spec(technique="magnitude_pruning", sparsity=0.33, seed=5)
    app.file_uploader(key="upload").set_value(("spec.json", spec.to_json().encode(), "application/json")).run()
    assert not app.exception
    assert app.session_state["draft"].specs() == [spec]
    assert next(item for item in app.slider if item.label == "Sparsity").value == 0.33


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"{", "malformed JSON"), (b'{"dataset": {"name": "nope"}}', "unknown dataset"), (b" " * 1_000_001, "too large")],
)
def test_a_refused_upload_leaves_the_form_as_it_was(content: bytes, sentence: str) -> None:
    app = opened("launch")
    app.file_uploader(key="upload").set_value(("bad.json", content, "application/json")).run()
    assert not app.exception
    assert sentence in words(app)
    assert app.session_state["draft"].specs() == [first_experiment()]


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


def test_a_live_job_shows_how_far_it_is_and_can_be_cancelled() -> None:
    (job,) = queue.submit([first_experiment()], access=Access.local())
    app = opened("jobs")
    assert "mnist_cnn on digits" in words(app)
    app.button(key=f"act-{job.id}").click().run()
    assert not app.exception
    assert queue.job(job.id or "").state == "cancelled"


def test_a_running_job_draws_its_curve_so_far() -> None:
    queue.submit([first_experiment()], access=Access.local())
    assert not opened("jobs").get("plotly_chart")
    ticket = states.claim("test", "test-host")
    assert ticket is not None
    states.begin(ticket)
    epoch = {"at": 0.0, "stage": "train", "stage_index": 0, "epoch": 1, "loss": 0.5, "accuracy_val": 0.9}
    states.beat(ticket, states.News({"epoch": 1, "epochs": 3}, [{**epoch, "lr": 0.001, "energy_j": 1.0}]))
    assert len(opened("jobs").get("plotly_chart")) == 1


def test_an_ended_job_can_be_run_again_and_a_failed_one_says_why() -> None:
    (job,) = queue.submit([first_experiment()], access=Access.local())
    ticket = states.claim("test", "test-host")
    assert ticket is not None
    states.begin(ticket)
    states.finish(ticket, "failed", states.News({}), error="the disk is full; free some space.")
    app = opened("jobs")
    assert "the disk is full; free some space." in words(app)
    app.button(key=f"act-{job.id}").click().run()
    assert [item.state for item in queue.jobs()] == ["queued", "failed"]


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
