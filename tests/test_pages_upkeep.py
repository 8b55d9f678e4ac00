"""What people do to stored runs and views: delete and restore, tag and note, save a view."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.settings import settings
from greenai_core.store import artifacts, deletions, exchange, records, remarks, saved_views
from greenai_core.store.remarks import NOTE_LENGTH, TAG_LENGTH
from pages.components.deleted import OFFERED_S
from tests import factory
from tests.store.test_deletions import age

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
LOCAL = Access.local()


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)


@pytest.fixture
def read_only() -> Iterator[None]:
    """A dashboard that others can reach."""
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    yield
    config.set_option("server.address", before)


@pytest.fixture
def runs() -> list[str]:
    """Three runs are stored."""
    found = [factory.record(factory.spec(seed=seed), run_id=f"run{seed}") for seed in range(3)]
    for record in found:
        records.save(record)
    return [record.run_id for record in found]


def results(**query: str) -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30)
    app.query_params.update(query)
    app.run()
    app.switch_page("results.py").run()
    assert not app.exception, app.exception
    return app


def _annotations(run_ids: list[str]) -> None:
    """A part of a page by itself: Streamlit runs this text without what stands around it."""
    from greenai_core.store import records, remarks
    from pages.components import annotate

    table = remarks.beside(records.table())
    annotate.section(table[table["run_id"].isin(run_ids)], annotate.known(table))


def _views() -> None:
    from pages.components import saved_views

    saved_views.bar()


def annotating(*run_ids: str) -> AppTest:
    app = AppTest.from_function(_annotations, args=(list(run_ids),), default_timeout=30).run()
    assert not app.exception, app.exception
    return app


def viewing(**query: str | list[str]) -> AppTest:
    app = AppTest.from_function(_views, default_timeout=30)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "toast")
    return "\n".join(str(item.value) for kind in kinds for item in app.get(kind))


def button(app: AppTest, label: str) -> list[bool]:
    """Whether each button of this label is disabled."""
    return [found.disabled for found in app.button if found.label == label]


def click(app: AppTest, label: str) -> None:
    (found,) = [found for found in app.button if found.label == label]
    found.click().run()
    assert not app.exception, app.exception


def table(app: AppTest) -> list[str]:
    return [run_id for frame in app.dataframe if "run_id" in frame.value for run_id in frame.value["run_id"]]


def test_deleting_all_that_a_filter_shows_is_asked_for(runs: list[str]) -> None:
    records.save(factory.record(factory.spec(model="mlp_student"), run_id="other"))
    app = results(model="mnist_cnn")
    click(app, "Delete all 3 shown")
    assert {"delete-confirmed", "delete-not"} <= {found.key for found in app.button}
    assert "3 runs will be out of every table, chart and export" in words(app)
    assert len(records.table()) == 4


def test_deletions_of_the_last_minutes_are_offered_to_be_undone(runs: list[str]) -> None:
    assert not button(results(), "Undo")
    records.delete(runs[:1], LOCAL)
    records.delete(runs[1:], LOCAL)
    app = results()
    assert "No run is stored yet" in words(app)
    assert "1 run deleted." in words(app) and "2 runs deleted." in words(app)
    for _ in range(2):
        next(found for found in app.button if found.label == "Undo").click().run()
    assert sorted(table(app)) == runs and not button(app, "Undo")


def test_one_that_somebody_else_undid_is_said_in_passing(runs: list[str]) -> None:
    deletion = records.delete(runs, LOCAL)
    app = results()
    deletions.restore(deletion, LOCAL)
    click(app, "Undo")
    assert "restored already" in words(app) and len(table(app)) == 3


def test_the_bin_lists_older_deletions_and_is_emptied_after_asking(runs: list[str]) -> None:
    artifacts.write("models/run0.onnx", b"x" * 2048)
    named = factory.record(factory.spec(), run_id="run0", provenance={"model_uri": "models/run0.onnx"})
    records.save(named)
    records.delete(["run0"], LOCAL)
    age(OFFERED_S + 3600)
    records.delete(["run1"], LOCAL)
    app = results()
    assert len(button(app, "Undo")) == 1
    app.session_state["disk"] = True
    app.run()
    assert "**The bin holds 2 runs.**" in words(app)
    assert "1 run, deleted 1 h ago, 23 h left" in words(app)
    sizes = {row[0]: row[1:] for item in app.get("table") for row in item.value.to_numpy().tolist()}
    assert sizes["Models of deleted runs"] == ["1", "2.00 KB", "once the bin is emptied"]
    click(app, "Remove 2 runs for good")
    assert not deletions.waiting() and not artifacts.exists("models/run0.onnx")
    assert "The bin holds" not in words(app)


def test_who_may_only_look_can_change_nothing(runs: list[str], read_only: None) -> None:
    saved_views.save("small", {"cost": ["Size"]}, LOCAL)
    records.delete(runs[:1], LOCAL)
    app = results()
    app.session_state["disk"] = True
    app.run()
    for label in ("Undo", "Restore", "Delete all 2 shown"):
        assert button(app, label) == [True], label
    click(app, "Remove 1 run for good")  # whatever a browser sends
    assert len(deletions.waiting()) == 1
    app = annotating(runs[1])
    assert app.multiselect[0].disabled and app.text_area[0].disabled
    app = viewing()
    assert button(app, "Delete") == button(app, "Save this view") == [True]
    assert "?cost=Size" in app.get("html")[0].proto.body


def test_tags_are_a_column_and_a_filter_that_a_link_keeps(runs: list[str]) -> None:
    app = results()
    assert "tags" not in app.dataframe[0].value and "tag" not in {found.key for found in app.multiselect}
    remarks.tag(runs[:2], ["good"], [], LOCAL)
    remarks.tag(runs[:1], ["a b"], [], LOCAL)
    app = results(tag="good")
    assert app.multiselect(key="tag").value == ["good"]
    assert app.multiselect(key="tag").options == ["a b", "good"]
    assert dict(zip(table(app), app.dataframe[0].value["tags"], strict=True)) == {"run1": "good", "run0": "a b, good"}
    app.multiselect(key="tag").set_value(["a b"]).run()
    assert table(app) == ["run0"]


def test_notes_are_a_column_and_saving_one_reads_no_run_anew(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    app = results()
    assert "note" not in app.dataframe[0].value
    monkeypatch.setattr(records, "table", lambda: pytest.fail("the runs are the same"))
    remarks.write_note("run0", "worth a look", LOCAL)
    remarks.tag(["run1"], ["good"], [], LOCAL)
    shown = app.run().dataframe[0].value.set_index("run_id")
    assert not app.exception
    assert shown["note"].to_dict() == {"run0": "worth a look", "run1": "", "run2": ""}
    assert shown["tags"].to_dict() == {"run0": "", "run1": "good", "run2": ""}


def test_runs_of_the_bank_are_shown_with_their_tags_and_not_deleted(runs: list[str]) -> None:
    settings().bank.mkdir()
    exchange.export(settings().bank / "a.parquet", origin="own")
    records.delete(runs, LOCAL)
    remarks.tag(runs[:1], ["seen"], [], LOCAL)
    app = results(show="Bank", tag="seen")
    assert table(app) == ["run0"]
    assert not [found for found in app.button if found.label.startswith("Delete")]


def test_a_tag_is_typed_chosen_and_taken_away(runs: list[str]) -> None:
    app = annotating("run0")
    app.multiselect[0].set_value(["first", " second  try "]).run()
    assert remarks.tags() == {"run0": "first, second try"}
    assert app.multiselect[0].value == ["first", "second try"]
    app.multiselect[0].set_value(["second try"]).run()
    assert remarks.tags() == {"run0": "second try"}
    assert annotating("run1").multiselect[0].options == ["second try"]


def test_several_runs_show_what_they_share_and_keep_the_rest(runs: list[str]) -> None:
    remarks.tag(["run0"], ["own", "shared"], [], LOCAL)
    remarks.tag(["run1"], ["shared"], [], LOCAL)
    app = annotating("run0", "run1")
    assert app.multiselect[0].value == ["shared"] and app.multiselect[0].label == "Tags of all 2 runs"
    assert not app.text_area
    app.multiselect[0].set_value(["new"]).run()
    assert remarks.tags() == {"run0": "new, own", "run1": "new"}


def test_a_tag_that_is_refused_is_said_and_leaves_the_others(runs: list[str]) -> None:
    remarks.tag(["run0"], ["before"], [], LOCAL)
    app = annotating("run0")
    app.multiselect[0].set_value(["before", "x" * (TAG_LENGTH + 1)]).run()
    assert f"{TAG_LENGTH} at most" in words(app)
    assert app.multiselect[0].value == ["before"] and remarks.tags() == {"run0": "before"}


def test_a_note_is_saved_on_leaving_the_field_and_is_never_markup(runs: list[str]) -> None:
    app = annotating("run0")
    text = "<img src=x onerror=alert(1)> **bold** ![](https://elsewhere.example/a.png)"
    app.text_area[0].set_value(text).run()
    assert remarks.note("run0") == text
    app = annotating("run0")
    assert app.text_area[0].value == text
    assert text not in words(app) and not app.get("html")


def test_a_note_that_is_too_long_stays_in_its_field(runs: list[str]) -> None:
    remarks.write_note("run0", "before", LOCAL)
    app = annotating("run0")
    app.text_area[0].set_value("x" * (NOTE_LENGTH + 1)).run()
    assert "2,000 at most are kept" in words(app)
    assert len(app.text_area[0].value) == NOTE_LENGTH + 1 and remarks.note("run0") == "before"
    app.text_area[0].set_value("after").run()
    assert "at most are kept" not in words(app) and remarks.note("run0") == "after"


def test_what_somebody_else_writes_is_shown(runs: list[str]) -> None:
    app = annotating("run0")
    remarks.write_note("run0", "from elsewhere", LOCAL)
    remarks.tag(["run0"], ["theirs"], [], LOCAL)
    app.run()
    assert app.text_area[0].value == "from elsewhere" and app.multiselect[0].value == ["theirs"]


def test_a_view_is_saved_under_a_name_and_becomes_a_link() -> None:
    app = viewing(cost="Latency", technique=["distill", "dense"])
    app.text_input(key="view-name").set_value("Fast & <b>small</b>")
    click(app, "Save this view")
    (view,) = saved_views.every()
    assert view.query == "cost=Latency&technique=distill&technique=dense"
    assert app.text_input(key="view-name").value == ""
    (link,) = app.get("html")
    assert '"?cost=Latency&amp;technique=distill&amp;technique=dense"' in link.proto.body
    assert link.proto.body.endswith(">Fast &amp; &lt;b&gt;small&lt;/b&gt;</a>")
    click(app, "Delete")
    assert saved_views.every() == ()


def test_a_name_that_is_taken_is_asked_about() -> None:
    saved_views.save("mine", {"cost": ["Size"]}, LOCAL)
    app = viewing(cost="Latency")
    for answer, query in (("Keep it", "cost=Size"), ("Replace it", "cost=Latency")):
        app.text_input(key="view-name").set_value("mine")
        click(app, "Save this view")
        assert "There is a saved view **mine** already." in words(app)
        assert [view.query for view in saved_views.every()] == ["cost=Size"]
        click(app, answer)
        assert [view.query for view in saved_views.every()] == [query]
        assert "already" not in words(app)


def test_a_view_without_a_name_is_one_sentence() -> None:
    app = viewing()
    click(app, "Save this view")
    assert "name: is empty" in words(app) and saved_views.every() == ()
