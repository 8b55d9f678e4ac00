"""Tags and notes belong to a run, own or shipped, and never to its record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs.access import Access
from greenai_core.settings import settings
from greenai_core.store import batches, deletions, exchange, records, remarks
from greenai_core.store.exchange import Imported
from greenai_core.store.remarks import NOTE_LENGTH, TAG_LENGTH, TAGS, Remarks
from tests import factory

LOCAL = Access.local()
VISITOR = Access.of_dashboard("0.0.0.0", None)


def save(*run_ids: str) -> None:
    for run_id in run_ids:
        records.save(factory.record(run_id=run_id))


def tagged() -> dict[str, str]:
    return dict(remarks.beside(records.table())[["run_id", "tags"]].to_numpy().tolist())


def noted() -> dict[str, str]:
    return dict(remarks.beside(records.table())[["run_id", "note"]].to_numpy().tolist())


@pytest.mark.usefixtures("any_store")
def test_tags_are_a_column_of_the_table_and_none_of_the_record(tmp_path: Path) -> None:
    save("a", "b", "c")
    frozen = records.load("a")
    assert tagged() == {"a": "", "b": "", "c": ""}
    remarks.tag(["a", "b"], ["try", "Best so far"], [], LOCAL)
    remarks.tag(["b"], ["first"], ["try"], LOCAL)
    assert tagged() == {"a": "Best so far, try", "b": "Best so far, first", "c": ""}
    assert remarks.parted(tagged()["a"]) == ("Best so far", "try") and remarks.parted("") == ()
    assert records.load("a") == frozen
    assert remarks.beside(records.table("bank"))["tags"].tolist() == []


@pytest.mark.usefixtures("any_store")
def test_notes_are_kept_replaced_and_removed() -> None:
    save("a", "b")
    remarks.write_note("a", "  first\nline ü \n", LOCAL)
    remarks.write_note("b", "other", LOCAL)
    assert remarks.note("a") == "first\nline ü"
    remarks.write_note("a", "second", LOCAL)
    assert (remarks.note("a"), remarks.note("b")) == ("second", "other")
    assert noted() == {"a": "second", "b": "other"}
    remarks.write_note("a", " \n", LOCAL)
    assert remarks.note("a") == remarks.note("nobody") == ""


def test_every_change_changes_the_version_of_what_is_written_and_none_that_of_the_runs() -> None:
    save("a")
    runs, table = records.version(), records.table()
    seen = [remarks.version()]
    for change in (
        lambda: remarks.tag(["a"], ["x"], [], LOCAL),
        lambda: remarks.tag(["a"], [], ["x"], LOCAL),
        lambda: remarks.write_note("a", "note", LOCAL),
        lambda: remarks.write_note("a", "", LOCAL),
    ):
        change()
        assert remarks.version() not in seen
        seen.append(remarks.version())
    assert records.version() == runs and records.table().equals(table)
    save("b")
    assert remarks.version() == seen[-1]


def test_runs_of_the_bank_can_be_tagged() -> None:
    save("shipped")
    settings().bank.mkdir()
    exchange.export(settings().bank / "a.parquet", origin="own")
    records.delete(["shipped"], LOCAL)
    remarks.tag(["shipped"], ["seen"], [], LOCAL)
    assert remarks.beside(records.table("bank"))["tags"].tolist() == ["seen"]


FORMATS = ("json", "csv", "parquet")
NOTE = 'quotes ", commas,\nlines and\rünïcode =1+1'


@pytest.mark.usefixtures("any_store")
@pytest.mark.parametrize("format", FORMATS)
def test_files_carry_tags_and_notes(format: str, tmp_path: Path) -> None:
    save("both", "tagged", "noted", "neither")
    remarks.tag(["both", "tagged"], ["Best so far", "2026"], [], LOCAL)
    for run_id in ("both", "noted"):
        remarks.write_note(run_id, NOTE, LOCAL)
    before = remarks.every()
    assert before == {
        "both": Remarks(("2026", "Best so far"), NOTE),
        "tagged": Remarks(("2026", "Best so far")),
        "noted": Remarks((), NOTE),
    }
    exchange.export(tmp_path / f"out.{format}")
    records.delete(list(tagged()), LOCAL)
    deletions.empty(LOCAL)
    assert remarks.every() == {}
    version = remarks.version()
    assert exchange.import_file(tmp_path / f"out.{format}") == Imported(4, 0)
    assert remarks.every() == before and remarks.version() != version


def test_an_import_changes_nothing_that_is_written_here(tmp_path: Path) -> None:
    save("known", "deleted", "unwritten")
    remarks.tag(["known", "deleted", "unwritten"], ["theirs"], [], LOCAL)
    exchange.export(tmp_path / "out.json")
    remarks.tag(["known", "deleted", "unwritten"], [], ["theirs"], LOCAL)
    remarks.write_note("deleted", "mine", LOCAL)
    records.delete(["deleted", "unwritten"], LOCAL)
    assert exchange.import_file(tmp_path / "out.json") == Imported(2, 1)
    assert remarks.every() == {"deleted": Remarks((), "mine"), "unwritten": Remarks(("theirs",))}


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"tags": ["x" * (TAG_LENGTH + 1)]}, f"tag 'x+…': has {TAG_LENGTH + 1} characters, {TAG_LENGTH} at most are"),
        ({"tags": "a,b\tc,\0"}, r"tag '\\x00': has a character that cannot be shown; leave it out"),
        ({"tags": ",".join(map(str, range(TAGS + 1)))}, f"tags: are {TAGS + 1}, and a run has {TAGS} at most; leave"),
        ({"tags": [1]}, "tags: are no texts; write them as one text with commas, or as a list of texts"),
        ({"tags": {"a": 1}}, "tags: are no texts"),
        ({"note": "x" * (NOTE_LENGTH + 1)}, "note: has 2,001 characters, 2,000 at most are kept; shorten it"),
        ({"note": ["a"]}, "note: is no text"),
    ],
)
def test_what_a_file_says_about_runs_is_checked(written: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    form = factory.record(run_id="a").model_dump(mode="json")
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{**form, "run_id": "good", "tags": ["fine"]}, {**form, **written}]))
    with pytest.raises(BadInput, match=rf"in\.json: record 2: {sentence}.*\. Nothing was imported\.$"):
        exchange.import_file(path)
    assert records.table().empty and remarks.every() == {}


@pytest.mark.usefixtures("any_store")
def test_many_runs_are_tagged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    save(*"abcde")
    remarks.tag(list("abcdea"), ["all"], [], LOCAL)
    assert set(tagged().values()) == {"all"}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["  two   words\t"], "two words"),
        (["a,b", "b"], "a, b"),
        ([" ", ","], ""),
        (["x" * TAG_LENGTH], "x" * TAG_LENGTH),
        (["<b>", "*é*"], "*é*, <b>"),
    ],
)
def test_tags_are_cleaned(typed: list[str], kept: str) -> None:
    save("a")
    remarks.tag(["a"], typed, [], LOCAL)
    assert tagged()["a"] == kept


@pytest.mark.parametrize(
    ("run_ids", "tags", "sentence"),
    [
        (["a"], ["good", "x" * (TAG_LENGTH + 1)], f"tag 'x+…': has {TAG_LENGTH + 1} characters, {TAG_LENGTH} at most"),
        (["a"], ["good", "b\0d"], r"tag 'b\\x00d': has a character that cannot be shown"),
        (["a", "gone"], ["good"], "there is no record 'gone': it may have been deleted"),
        (["a"], [str(number) for number in range(TAGS)], f"a: a run has {TAGS} tags at most"),
    ],
)
def test_what_cannot_be_kept_changes_nothing(run_ids: list[str], tags: list[str], sentence: str) -> None:
    save("a", "gone")
    remarks.tag(["a"], ["before"], [], LOCAL)
    records.delete(["gone"], LOCAL)
    with pytest.raises(BadInput, match=sentence):
        remarks.tag(run_ids, tags, ["before"] if "good" in tags else [], LOCAL)
    assert tagged() == {"a": "before"}


def test_a_note_that_is_too_long_or_of_no_run_is_one_sentence() -> None:
    save("a")
    remarks.write_note("a", "x" * NOTE_LENGTH, LOCAL)
    with pytest.raises(BadInput, match=r"note: has 2,001 characters, 2,000 at most are kept; shorten it"):
        remarks.write_note("a", "y" * (NOTE_LENGTH + 1), LOCAL)
    assert remarks.note("a") == "x" * NOTE_LENGTH
    with pytest.raises(BadInput, match="there is no record 'nobody'"):
        remarks.write_note("nobody", "hello", LOCAL)


def test_who_may_only_look_writes_nothing() -> None:
    save("a")
    with pytest.raises(ReadOnly):
        remarks.tag(["a"], ["x"], [], VISITOR)
    with pytest.raises(ReadOnly):
        remarks.write_note("a", "x", VISITOR)
    assert remarks.tags() == {} and remarks.note("a") == ""
