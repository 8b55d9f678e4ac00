"""What an import refuses: one sentence that names file, record, field and the way out; the store stays as it was."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from greenai_core.errors import BadInput, ReadOnly
from greenai_core.jobs.access import Access
from greenai_core.record import Record
from greenai_core.settings import ROOT
from greenai_core.store import contradictions, exchange, intake, records
from greenai_core.store.exchange import Imported
from greenai_core.store.rows import from_row, plain
from greenai_core.store.schema import RUN_COLUMNS
from tests import factory

FORMATS = ("json", "csv", "parquet")
TABLES = ("csv", "parquet")

Form = dict[str, Any]


@pytest.fixture(autouse=True)
def one_is_stored() -> None:
    records.save(factory.record(run_id="stored"))


def form(**changes: Any) -> Form:
    """The JSON form of a record; a change to ... leaves the field out."""
    spec = factory.spec(technique="magnitude_pruning", sparsity=0.5)
    values = json.loads(factory.record(spec, run_id="new").model_dump_json(exclude=set(Record.model_computed_fields)))
    return {name: value for name, value in {**values, **changes}.items() if value is not ...}


def written(path: Path, forms: Sequence[Form]) -> Path:
    """Write records as the export would, but as they are: JSON, or a table whose structures are JSON text."""
    if path.suffix == ".json":
        path.write_text(json.dumps({"records": forms}))
        return path
    rows = [{name: _cell(value) for name, value in one.items()} for one in forms]
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        pd.DataFrame(rows).to_parquet(path, index=False)
    return path


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def refused(path: Path) -> str:
    """Import a file that is refused; returns the sentence, the file's name in place of its path."""
    before = (records.version(), records.rows("own"))
    with pytest.raises(BadInput) as caught:
        exchange.import_file(path)
    assert (records.version(), records.rows("own")) == before
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ") and sentence.endswith(" Nothing was imported.")
    assert "\n" not in sentence
    return sentence.replace(str(path), path.name)


def broken(changes: Mapping[str, Any], folder: Path, format: str) -> str:
    """Import a good record and then one with these changes, which is refused."""
    return refused(written(folder / f"in.{format}", [form(run_id="good"), form(**{"run_id": "bad", **changes})]))


STAGES = form()["stages"]
IN_PERCENT = [{**STAGES[0], "accuracy_val": 97.0}, *STAGES[1:]]
OTHER_SPEC = factory.spec(seed=3).model_dump(mode="json")

CASES: list[tuple[Form, str]] = [
    ({"schema_version": 2}, "record 2: was written by a newer version (schema_version 2, this one knows 1); update"),
    ({"accuracy": 97.3}, "record 2 (bad): accuracy: is 97.3, and ought to lie in [0, 1]. Is it in per cent? Then"),
    ({"accuracy_val": -0.1}, "record 2 (bad): accuracy_val: is -0.1, and ought to lie in [0, 1]."),
    ({"stages": IN_PERCENT}, "record 2 (bad): stages.0.accuracy_val: is 97, and ought to lie in [0, 1]. Is it in per"),
    ({"energy_train_j": -5.0}, "record 2 (bad): energy_train_j: is -5, and nothing costs less than nothing"),
    ({"cpu_s": -1.0}, "record 2 (bad): cpu_s: is -1, and nothing costs less than nothing"),
    ({"size_bytes": -1}, "record 2 (bad): size_bytes: is -1, which no model has; what is unknown is null or an empty"),
    ({"latency_ms": 0.0}, "record 2 (bad): latency_ms: is 0.0, which no model has; what is unknown is null or an"),
    ({"accuracy_val": math.inf}, "record 2: accuracy_val: inf is no number; what is unknown is"),
    ({"macs": "NA"}, "record 2: macs: 'NA' is no number; what is unknown is"),
    ({"provenance": {"of": [1.0, math.nan]}}, "record 2: provenance.of.1: nan is no number; what is unknown is null."),
    ({"params": 10, "nonzero_params": 20}, "record 2 (bad): nonzero_params: is 20, more than the 10 of params; are"),
    ({"energy_train_kind": None}, "record 2 (bad): energy_train_kind: is required beside energy_train_j: measured,"),
    ({"energy_inference_kind": None}, "record 2 (bad): energy_inference_kind: is required beside energy_per_sample_j:"),
    ({"accuracy": 0.5}, "record 2 (bad): accuracy: is 0.5, and its confusion matrix says"),
    ({"confusion": [[1, 2]]}, "record 2 (bad): confusion: has to be a square of counts"),
    ({"created_at": "yesterday"}, "record 2 (bad): created_at: 'yesterday' is no time in ISO 8601"),
    ({"seed": 1}, "record 2 (bad): seed: is 1, and that of its spec is 0; correct one of them."),
    ({"spec_id": "0" * 16}, "record 2 (bad): spec_id: is '0000000000000000', and that of its spec is"),
    ({"spec": OTHER_SPEC, "spec_id": factory.spec(seed=3).spec_id, "seed": 3}, "record 2 (bad): recipe: is not that"),
    ({"run_id": None, "seed": None}, "record 2: run_id and seed: are required and empty."),
    ({"params": 10.5}, "record 2: params: "),
    ({"created_at": "2026-02-30"}, "record 2 (bad): created_at: '2026-02-30' is no time in ISO 8601"),
    ({"created_at": "0001-01-01T00:00+10:00"}, "record 2 (bad): created_at: '0001-01-01T00:00+10:00' is no time"),
]


@pytest.mark.parametrize("format", FORMATS)
def test_a_record_that_cannot_be_is_refused_in_one_sentence(format: str, tmp_path: Path) -> None:
    for changes, sentence in CASES:
        if (format, changes.get("macs")) != ("parquet", "NA"):  # a column of numbers holds no text there
            assert broken(changes, tmp_path, format).startswith(f"in.{format}: {sentence}")


UNITS = [
    ("energy_train_kwh", "is in kWh; a record has energy_train_j, in joules: multiply by 3,600,000 and rename it."),
    ("Energy per sample (mJ)", "is in mJ; a record has energy_per_sample_j, in joules: divide by 1,000 and rename it."),
    ("latency_s", "is in s; a record has latency_ms, in milliseconds: multiply by 1,000 and rename it."),
    ("size_kb", "is in KB; a record has size_bytes, in bytes: multiply by 1,024 and rename it."),
    ("carbon_train_kg", "is in kg; a record has carbon_train_g, in grams: multiply by 1,000 and rename it."),
    ("wall_min", "is in min; a record has wall_s, in seconds: multiply by 60 and rename it."),
    ("accuracy (%)", "is in per cent; a record has accuracy, in a fraction: divide by 100 and rename it."),
]


def times(name: str, factor: float) -> Form:
    """A figure in another unit."""
    return {name: form()[name] * factor}


CONTRADICTIONS: list[tuple[Form, str]] = [
    (
        times("energy_train_j", 1 / 3.6e6),
        r"energy_train_j: is [\d.]+e-05, and its stages add up to \d\d.\d+; is it in kWh\? Then multiply by 3,600,000.",
    ),
    (times("energy_train_j", 1 / 3600), r"energy_train_j: .* is it in Wh\? Then multiply by 3,600."),
    (times("energy_train_j", 1e3), r"energy_train_j: .* is it in mJ\? Then divide by 1,000."),
    (
        times("energy_train_j", 0.7),
        r"energy_train_j: is \S+, and its stages add up to \S+; correct one of them.",
    ),
    ({"energy_train_j": 0.0}, r"energy_train_j: is 0, and its stages add up to \d\d.\d+; correct one of them."),
    (times("cpu_s", 1 / 60), r"cpu_s: is .*, and its stages add up to .*; is it in min\? Then multiply by 60."),
    ({"params": 1_200, "nonzero_params": 600}, r"params: is 1,200, and its last stage left 1,199,882; correct one"),
    (
        times("latency_ms", 1e-3),
        r"latency_ms: is 0.000\d+, and its newest measurement says 0.\d+; is it in s\? Then multiply by 1,000.",
    ),
    (times("throughput", 2), r"throughput: is .*, and its newest measurement says .*; correct one of them."),
    (times("energy_per_sample_j", 1e6), r"energy_per_sample_j: .* is it in µJ\? Then divide by 1,000,000."),
    (times("energy_per_sample_b1_j", 1e-3), r"energy_per_sample_b1_j: .* is it in kJ\? Then multiply by 1,000."),
    (
        {"carbon_train_g": 1e-6, "carbon_intensity": {"g_per_kwh": 400}},
        r"carbon_train_g: is 1e-06, and its training energy at its carbon_intensity comes to 0.00\d+; correct one",
    ),
    (
        times("wall_s", 1 / 60),
        r"wall_s: is \S+, and its stages alone took \S+; is it in min\? Then multiply by 60.",
    ),
    (
        times("energy_spent_j", 1e-3),
        r"energy_spent_j: .*, and its stages alone took \S+; is it in kJ\? Then",
    ),
    (
        {"size_bytes": 5},
        r"size_bytes: is 5, too little for a file that holds 599,941 weights that are not zero; is it in MB\? Then",
    ),
    ({"size_bytes": 4_690}, r"size_bytes: is 4,690, too little .*; is it in KB\? Then multiply by 1,024."),
    (
        {"size_bytes": 9, "params": None, "nonzero_params": None},
        r"size_bytes: is 9, too little for a file that holds a model; is it in KB\? Then multiply by 1,024.",
    ),
]


@pytest.mark.parametrize("format", FORMATS)
def test_a_figure_in_another_unit_is_told_by_the_stages_and_measurements_beside_it(format: str, tmp_path: Path) -> None:
    for changes, sentence in CONTRADICTIONS:
        assert re.match(rf"in\.{format}: record 2 \(bad\): {sentence}", broken(changes, tmp_path, format)), changes


def test_rounded_figures_and_what_nothing_stands_beside_are_taken(tmp_path: Path) -> None:
    figures = ("energy_train_j", "energy_spent_j", "latency_ms", "throughput", "energy_per_sample_j", "cpu_s", "wall_s")
    rounded = form(run_id="rounded", **{name: float(f"{form()[name]:.1e}") for name in figures})
    alone = form(run_id="alone", stages=[], measurements=[], energy_train_j=1.0, latency_ms=1.0, cpu_s=1.0)
    unknown = form(run_id="unknown", **dict.fromkeys(("energy_train_j", "latency_ms", "cpu_s", "size_bytes")))
    stages = [{**stage, "energy_j": None, "cached": True} for stage in STAGES]
    of_unknown = form(run_id="of unknown", stages=stages, energy_spent_j=0.5, wall_s=0.5)
    path = written(tmp_path / "in.json", [rounded, alone, unknown, of_unknown])
    assert exchange.import_file(path) == Imported(4, 0)


def test_what_a_counter_saw_between_two_stages_may_be_less_than_nothing(tmp_path: Path) -> None:
    measured = form(energy_spent_kind="measured", energy_spent_j=1.0)
    assert exchange.import_file(written(tmp_path / "in.json", [measured])) == Imported(1, 0)


def test_stages_of_a_teacher_and_what_earlier_attempts_spent_are_counted_as_the_run_counts_them(tmp_path: Path) -> None:
    distilled = json.loads(factory.record(factory.spec(technique="distill", model="mlp_student")).model_dump_json())
    earlier = {"epoch": 2, "energy_j": 20.0, "cpu_s": 5.0, "wall_s": 100.0}
    first, *rest = form()["stages"]
    resumed = form(stages=[{**first, "wall_s": 103.0, "resumed": earlier}, *rest])
    assert exchange.import_file(written(tmp_path / "in.json", [distilled, resumed])) == Imported(2, 0)


def test_no_record_of_this_program_contradicts_itself() -> None:
    shipped = sorted((ROOT / "results" / "bank").glob("*.parquet"))
    found = [from_row(plain(row)) for path in shipped for row in pd.read_parquet(path).to_dict("records")]
    assert len(found) > 90
    for record in (*found, *factory.records(2), *factory.records(1, kind="measured")):
        assert list(contradictions.found(record)) == [], record.run_id


@pytest.mark.parametrize("format", FORMATS)
def test_a_figure_in_another_unit_is_told_by_its_name(format: str, tmp_path: Path) -> None:
    place = "in.json: record 1" if format == "json" else f"in.{format}"
    for name, hint in UNITS:
        assert f"{place}: {name}: {hint}" in refused(written(tmp_path / f"in.{format}", [form(**{name: 1.0})]))


@pytest.mark.parametrize("format", FORMATS)
def test_missing_fields_are_named_all_at_once(format: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"in.{format}", [form(seed=..., recipe=..., spec=...)])
    said = refused(path)
    if format == "json":
        assert said.startswith("in.json: record 1: recipe, seed and spec: are required and not there.")
    else:
        assert said.startswith(f"in.{format}: lacks the columns recipe, seed and spec; `python -m greenai_core records")


@pytest.mark.parametrize("format", TABLES)
def test_a_table_downloaded_from_a_page_is_told_from_an_export(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"runs.{format}"
    table = records.table()
    table.to_csv(path, index=False) if format == "csv" else table.to_parquet(path, index=False)
    assert "lacks the columns recipe and spec; `python -m greenai_core records --out FILE` writes" in refused(path)


@pytest.mark.parametrize("format", FORMATS)
def test_an_unknown_field_is_no_reason_to_lose_it(format: str, tmp_path: Path) -> None:
    said = refused(written(tmp_path / f"in.{format}", [form(invented=1, other=2)]))
    noun = "field" if format == "json" else "column"
    assert f"invented and other: there is no such field in a record; leave the {noun} out, or update" in said


@pytest.mark.parametrize("format", FORMATS)
def test_a_newer_schema_is_said_before_its_new_fields_are(format: str, tmp_path: Path) -> None:
    said = refused(written(tmp_path / f"in.{format}", [form(schema_version=2, invented=1, seed=...)]))
    assert "was written by a newer version (schema_version 2" in said


@pytest.mark.parametrize("format", FORMATS)
def test_what_a_table_of_runs_has_besides_is_left_out(format: str, tmp_path: Path) -> None:
    more = {"origin": "own", "energy_kind": "estimated", "technique": "dense", "sparsity": 0.0}
    assert exchange.import_file(written(tmp_path / f"in.{format}", [form(**more)])) == Imported(1, 0)
    assert records.load("new") == Record.model_validate(form())


@pytest.mark.parametrize("format", FORMATS)
def test_two_records_of_one_run_that_differ_are_refused(format: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"in.{format}", [form(), form(run_id="other"), form(f1_macro=0.5)])
    assert f"in.{format}: records 1 and 3 are both of run new and differ; keep one of them." in refused(path)


@pytest.mark.parametrize("format", FORMATS)
def test_a_record_that_stands_there_twice_is_stored_once(format: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"in.{format}", [form(), form(run_id="other"), form()])
    assert exchange.import_file(path) == Imported(2, 1)
    assert {row["run_id"] for _, row in records.rows("own")} == {"stored", "new", "other"}


def test_not_a_number_is_unknown_where_a_data_frame_says_it_and_refused_elsewhere(tmp_path: Path) -> None:
    unknown = form(f1_macro=math.nan)
    assert exchange.import_file(written(tmp_path / "in.parquet", [unknown])) == Imported(1, 0)
    assert records.load("new").f1_macro is None
    assert "record 1: f1_macro: nan is no number; what is unknown is null." in refused(
        written(tmp_path / "in.json", [unknown])
    )
    assert "record 1: f1_macro: nan is no number; what is unknown is an empty cell." in refused(
        written(tmp_path / "in.csv", [unknown])
    )
    assert "record 1: seed: is required and empty." in refused(written(tmp_path / "in.parquet", [form(seed=math.nan)]))


def test_not_a_number_as_a_text_within_a_structure_is_refused(tmp_path: Path) -> None:
    stages = [{**STAGES[0], "energy_j": "nan"}, *STAGES[1:]]
    assert "record 1: stages.0.energy_j: nan is no number; what is unknown is null." in refused(
        written(tmp_path / "in.json", [form(stages=stages)])
    )


def test_a_number_of_the_recipe_as_a_text_is_refused(tmp_path: Path) -> None:
    spec = form()["spec"]
    recipe = [{**stage, "sparsity": "0.5"} if "sparsity" in stage else stage for stage in spec["recipe"]]
    path = written(tmp_path / "in.json", [form(recipe=recipe, spec={**spec, "recipe": recipe})])
    assert "record 1: recipe: gives a number as a text; write it without quotes." in refused(path)


def test_a_data_frame_that_went_through_pandas_is_taken(tmp_path: Path) -> None:
    """Where a value is unknown, a column of whole numbers becomes one of fractions, 1199882.0."""
    exchange.export(tmp_path / "out.csv")
    written(tmp_path / "more.csv", [form(params=None, nonzero_params=None)])
    both = pd.concat([pd.read_csv(tmp_path / name) for name in ("out.csv", "more.csv")])
    assert both["params"].dtype == float
    both.to_csv(tmp_path / "both.csv", index=False)
    both.to_parquet(tmp_path / "both.parquet", index=False)
    assert exchange.import_file(tmp_path / "both.csv") == Imported(1, 1)
    assert exchange.import_file(tmp_path / "both.parquet") == Imported(0, 2)
    assert records.load("new") == Record.model_validate(form(params=None, nonzero_params=None))


def test_a_run_cut_short_may_have_spent_less_than_the_noise_of_its_idle_power(tmp_path: Path) -> None:
    path = written(tmp_path / "in.json", [form(status="aborted", energy_spent_j=-0.01)])
    assert exchange.import_file(path) == Imported(1, 0)


def test_the_printed_record_of_a_run_is_a_file_to_import(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**form(), "energy_kind": "estimated"}, indent=2))
    assert exchange.import_file(path) == Imported(1, 0)


def test_every_record_of_the_bank_may_be_imported() -> None:
    for path in sorted((ROOT / "results" / "bank").glob("*.parquet")):
        assert exchange.import_file(path).stored == len(pd.read_parquet(path, columns=["run_id"]))


def table_of(cells: Sequence[Sequence[str]], separator: str = ",") -> bytes:
    return "".join(separator.join(row) + "\n" for row in cells).encode()


NAMES = list(RUN_COLUMNS)
BLANK = [""] * len(NAMES)


BROKEN = [
    ("a.csv", b"", "is empty: the first line ought to name the columns."),
    ("a.csv", table_of([NAMES, BLANK[1:]]), f"record 1 has {len(BLANK) - 1} cells where the first line"),
    ("a.csv", table_of([NAMES], ";"), "its columns are not separated by commas; save it as CSV with commas"),
    ("a.csv", table_of([[*NAMES, "seed"]]), "has the column seed twice; remove one of them."),
    ("a.csv", table_of([["", *NAMES], ["0", *BLANK]]), "has a column without a name; leave it out (of pandas:"),
    ("a.csv", table_of([NAMES, ["{" if name == "spec" else "1" for name in NAMES]]), "record 1: "),
    ("a.json", b"[1]", 'expected {"records": [...]} with one object per record.'),
    ("a.json", b'"text"', 'expected {"records": [...]} with one object per record.'),
    ("a.json", b'{"records": {}}', 'expected {"records": [...]} with one object per record.'),
    ("a.json", b"", "does not hold records in json (at character 1: Expecting value)."),
    ("a.json", b'{"records": [{"a": 1}', "record 1: "),
    ("a.json", b'{"records": []} []', "does not hold records in json (at character 17: there is more after its"),
    ("a.json", b'{"records": [], "a" 1}', "does not hold records in json (at character 21: expecting :)."),
    ("a.json", b"{[1]: 2}", "does not hold records in json (at character 2: expecting a name)."),
    ("a.json", b"[" * 100_000, "does not hold records in json ("),
    ("a.json", b'[{"seed": ' + b"1" * 5000 + b"}]", "does not hold records in json ("),
]


def test_a_file_that_is_broken_is_one_sentence(tmp_path: Path) -> None:
    for name, content, sentence in BROKEN:
        (tmp_path / name).write_bytes(content)
        assert refused(tmp_path / name).startswith(f"{name}: {sentence}")


def test_a_structure_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "in.csv", [form()])
    frame = pd.read_csv(path, dtype=str)
    frame["stages"] = frame["stages"].str.slice(0, 100)
    frame.to_csv(path, index=False)
    assert "in.csv: record 1: stages: is not JSON (" in refused(path)


def test_a_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = written(tmp_path / "in.csv", [form()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert exchange.import_file(path) == Imported(1, 0)


@pytest.mark.usefixtures("any_store")
def test_a_store_that_fails_halfway_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records.save(factory.record(run_id="stored"))
    put: Callable[..., None] = intake._put
    calls: list[int] = []

    def fails_later(*arguments: Any) -> None:
        put(*arguments)
        calls.append(1)
        if len(calls) == 2:
            raise BadInput("the disk is full.")

    monkeypatch.setattr("greenai_core.store.batches.AT_ONCE", 2)
    monkeypatch.setattr(intake, "_put", fails_later)
    path = written(tmp_path / "in.json", [form(run_id=f"run {number}") for number in range(6)])
    before = (records.version(), records.rows("own"))
    with pytest.raises(BadInput, match="the disk is full"):
        exchange.import_file(path)
    assert len(calls) == 2
    assert (records.version(), records.rows("own")) == before


def test_a_visitor_who_may_only_look_imports_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "in.json", [form()])
    with path.open("rb") as file:
        with pytest.raises(ReadOnly):
            exchange.import_upload("in.json", file, Access.of_dashboard("0.0.0.0", None))
        assert len(records.rows("own")) == 1
        assert exchange.import_upload("in.json", file, Access.local()) == Imported(1, 0)
        assert not file.closed


def test_folder_without_room_for_what_was_checked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(BadInput, match=r"cannot hold what was checked \(No space left on device\); set TMPDIR"):
        exchange.import_file(written(tmp_path / "in.json", [form()]))
    assert len(records.rows("own")) == 1
