"""Runs out of a file, on the Results page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core.record import Record
from greenai_core.store import exchange, records
from greenai_core.store.reading import Format
from tests import factory

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")


def opened(show: str = "Own") -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.query_params["show"] = show
    app.switch_page("results.py").run()
    assert not app.exception, app.exception
    return app


def sent(app: AppTest, content: bytes, name: str = "runs.json") -> AppTest:
    app.file_uploader(key="import").set_value((name, content, "application/octet-stream")).run()
    assert not app.exception, app.exception
    return app


def export_of(*found: Record) -> bytes:
    """The file that a colleague exported."""
    forms = [record.model_dump(mode="json") for record in found]
    return json.dumps({"records": forms}).encode()


def said(app: AppTest) -> list[str]:
    return [item.value for item in (*app.success, *app.error)]


def test_a_file_fills_an_empty_store_and_says_how_many_runs_came() -> None:
    app = sent(opened(), export_of(*factory.records(1)))
    assert said(app) == ["11 runs imported."]
    assert len(app.dataframe[0].value) == len(records.rows("own")) == 11
    assert said(app.run()) == ["11 runs imported."]  # what follows does not import it again


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_runs_that_are_known_are_counted(format: Format) -> None:
    for record in factory.records(1):
        records.save(record)
    content = exchange.encode(format)
    app = sent(opened(), content, f"runs.{format}")
    assert said(app) == ["0 runs imported, 11 were known already."]


def test_known_runs_that_the_file_tells_otherwise_are_said_with_an_example() -> None:
    here = [factory.record(run_id=run_id) for run_id in ("a_b", "c", "same")]
    for record in here:
        records.save(record)
    other = [record.model_copy(update={"f1_macro": 0.5}) for record in here[:2]]
    app = sent(opened(), export_of(other[0], here[2]))
    known = "0 runs imported, 2 were known already; 1 of them differs from what is stored here: "
    assert said(app) == [f"{known}a\\_b (f1\\_macro); what is stored was kept."]
    sent(app, export_of(*other, here[2]), "more.json")
    known = "0 runs imported, 3 were known already; 2 of them differ from what is stored here, such as "
    assert said(app) == [f"{known}a\\_b (f1\\_macro); what is stored was kept."]
    assert {record.f1_macro for record in records.every()} == {here[0].f1_macro}


def test_a_time_that_only_some_programs_read_is_taken_and_shown() -> None:
    form = json.loads(export_of(factory.record()))
    form["records"][0]["created_at"] = "2026-W05-6T12:00:00Z"
    app = sent(opened(), json.dumps(form).encode())
    assert said(app) == ["1 run imported."]
    assert [str(at) for at in app.dataframe[0].value["created_at"]] == ["2026-01-31 12:00:00+00:00"]


def test_tags_and_notes_come_along_and_are_shown() -> None:
    (form,) = json.loads(export_of(factory.record()))["records"]
    app = sent(opened(), json.dumps({**form, "tags": ["good"], "note": "worth a look"}).encode())
    shown = app.dataframe[0].value
    assert shown["tags"].tolist() == ["good"] and shown["note"].tolist() == ["worth a look"]


def test_what_a_page_takes_is_said_beside_the_way_for_more() -> None:
    (caption,) = [item.value for item in opened().caption if "--import" in item.value]
    assert "more than 250 MB is for `python -m greenai_core records --import FILE`" in caption


def test_what_is_refused_is_one_sentence_without_markdown_and_changes_nothing() -> None:
    records.save(factory.record(run_id="stored"))
    good, bad = factory.record(run_id="good"), factory.record(run_id="b_a_d", accuracy=97.0, confusion=None)
    version = records.version()
    app = sent(opened(), export_of(good, bad))
    (sentence,) = said(app)
    assert sentence.startswith("runs.json: record 2 (b\\_a\\_d): accuracy: is 97, and ought to lie in \\[0, 1\\].")
    assert sentence.endswith("Nothing was imported.")
    assert records.version() == version
    sent(app, export_of(good), "again.json")
    assert said(app) == ["1 run imported."]


def test_who_may_only_look_cannot_import() -> None:
    from streamlit import config

    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")
    try:
        app = opened()
        assert app.file_uploader(key="import").disabled
        assert "read-only" in app.file_uploader(key="import").help
    finally:
        config.set_option("server.address", before)


@pytest.mark.parametrize("show", ["Bank", "Published"])
def test_only_own_runs_are_imported(show: str) -> None:
    assert not [item for item in opened(show).file_uploader if item.key == "import"]
