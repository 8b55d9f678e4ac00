"""Files are read piece by piece: what comes out does not depend on the pieces, and memory not on the file."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access
from greenai_core.jobs.warm import environment
from greenai_core.progress import Progress
from greenai_core.record import Record
from greenai_core.store import exchange, json_stream, reading, records
from greenai_core.store.exchange import Imported
from greenai_core.store.rows import frame, to_row
from tests import factory

MB = 2**20


def value(draw: random.Random, depth: int = 0) -> Any:
    """A JSON value with everything that can be cut in two."""
    simple = [None, True, False, 0, -1, 1.5e-300, 2**70, "", 'quote " and \\ slash', "é\u2028\U0001f600", "\n\t[{,:"]
    kind = draw.random()
    if depth > 3 or kind < 0.6:
        return draw.choice(simple)
    parts = [value(draw, depth + 1) for _ in range(draw.randint(0, 4))]
    names = (f"{place}{draw.choice(['', 'é', chr(34)])}" for place in range(len(parts)))
    return parts if kind < 0.8 else dict(zip(names, parts, strict=True))


def texts() -> Iterator[tuple[list[dict[str, Any]], str]]:
    for seed in range(40):
        draw = random.Random(seed)
        forms = [{"run_id": number, "more": value(draw)} for number in range(draw.randint(0, 4))]
        indent = draw.choice([None, 2])
        ascii_only = draw.random() < 0.5
        within = {"before": value(draw), "records": forms, "after": value(draw)}
        document = draw.choice([forms, {"records": forms}, within])
        yield forms, json.dumps(document, indent=indent, ensure_ascii=ascii_only)


@pytest.mark.parametrize("chunk", [1, 2, 3, 17, 10_000])
def test_json_read_in_pieces_is_json_read_at_once(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    for forms, text in texts():
        found = list(reading.found("in.json", io.BytesIO(text.encode())))
        assert [one.form for one in found] == forms
        assert [one.number for one in found] == list(range(1, len(forms) + 1))


@pytest.mark.parametrize("chunk", [1, 3, 17])
def test_json_cut_off_anywhere_is_refused(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    text = json.dumps({"before": [1.5, "é"], "records": [{"run_id": "a", "more": {"x": [1, True, None]}}]}).encode()
    for end in range(len(text)):
        with pytest.raises(BadInput, match=r"in\.json: does not hold records in json \(") as caught:
            list(reading.found("in.json", io.BytesIO(text[:end])))
        place = re.search(r"at character (\d+)", str(caught.value))
        assert place is not None and int(place[1]) <= end + 1


def test_what_is_no_json_is_said_without_reading_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 1000)
    file = io.BytesIO(b'{"records": [{"a": 1}, {b: 2}, ' + b" " * MB)
    with pytest.raises(BadInput, match="at character 25: Expecting property name"):
        list(reading.found("in.json", file))
    assert file.tell() < MB / 4  # decoding reads some thousand bytes ahead


def test_a_value_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 1000)
    monkeypatch.setattr(json_stream, "LONGEST", 10_000)
    file = io.BytesIO(b'{"records": [{"a": "' + b"x" * MB)
    with pytest.raises(BadInput, match="one value has over 10,000 characters"):
        list(reading.found("in.json", file))
    assert file.tell() < MB / 4


def test_how_much_was_read_grows_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 5000)
    for record in factory.records(1):
        records.save(record)
    for format in ("json", "csv", "parquet"):
        content = exchange.encode(format)
        shares = [one.read for one in reading.found(f"in.{format}", io.BytesIO(content))]
        assert shares == sorted(shares) and shares[0] < 0.9 and shares[-1] > 0.9


def test_a_long_import_says_now_and_then_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for record in factory.records(1):
        records.save(record)
    exchange.export(tmp_path / "out.json")
    told: list[Progress] = []
    assert exchange.import_file(tmp_path / "out.json", told.append) == Imported(0, 11)
    assert not told  # it is over before there is anything to say
    records.delete([record.run_id for record in records.every()], Access.local())
    monkeypatch.setattr(exchange, "TOLD_EVERY_S", 0.0)
    exchange.import_file(tmp_path / "out.json", told.append)
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions) and fractions[0] > 0 and fractions[-1] == pytest.approx(1)
    assert (told[0].message, told[-1].message) == ("1 record checked", "11 of 11 records stored")
    assert "11 of 11 records compared" in {progress.message for progress in told}


IMPORTS = """
import resource, sys
from pathlib import Path
from greenai_core.store import exchange
small, large = map(Path, sys.argv[1:])
exchange.import_file(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = exchange.import_file(large)
print(found.stored, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
"""Prints how many records were stored, and by how many MB the process grew while a large file was read."""


def large_file(path: Path, size: int) -> int:
    """Write a file of that many bytes or a little more; returns how many records it holds."""
    record = factory.record()
    row = to_row(record)
    count = 0
    if path.suffix == ".json":
        text = record.model_dump_json(indent=2)
        with path.open("w") as file:
            file.write('{"records": [')
            while file.tell() < size:
                file.write(("," if count else "") + text.replace(record.run_id, f"run {count}"))
                count += 1
            file.write("]}")
    else:
        count = size // sum(len(str(value)) for value in row.values()) + 1
        table = frame([{**row, "run_id": f"run {number}"} for number in range(count)])
        if path.suffix == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path, index=False, compression=None, use_dictionary=False)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("format", ["json", "csv", "parquet"])
def test_memory_does_not_grow_with_the_file(format: str, tmp_path: Path) -> None:
    small, large = (tmp_path / f"{name}.{format}" for name in ("small", "large"))
    known, count = large_file(small, MB), large_file(large, 20 * MB)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(small), str(large)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    stored, grown = map(int, done.stdout.split())
    assert stored == count - known
    assert grown < 15, f"{grown} MB more for {large.stat().st_size / MB:.0f} MB"


LARGEST_MB = 205
"""A larger file than pages were ever asked to take."""

BROKEN_AT_ITS_END = """
import resource, sys
from pathlib import Path
from greenai_core.errors import BadInput
from greenai_core.store import exchange, records
small, broken, whole = map(Path, sys.argv[1:])
known = exchange.import_file(small).stored
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    exchange.import_file(broken)
except BadInput as refused:
    print(refused)
print(len(records.rows("own")) - known)
print(exchange.import_file(whole).stored)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
"""Prints what is said of a large file, how many of its records are stored then, how many of the same file without its
last record, and by how many MB the process grew."""


def long_record(run_id: str, **changes: Any) -> Record:
    """A record with as many windows as several remeasurements leave."""
    record = factory.record(run_id=run_id)
    timed = record.measurements[0]
    timed = timed.model_copy(update={"windows": timed.windows * 10})
    return record.model_copy(update={"measurements": (timed,), **changes})


@pytest.mark.slow
def test_a_record_that_is_broken_at_the_end_of_a_large_file_keeps_all_of_it_out(tmp_path: Path) -> None:
    small, broken, whole = (tmp_path / f"{name}.csv" for name in ("small", "broken", "whole"))
    heading, line = frame([to_row(long_record("of all"))]).to_csv(index=False).splitlines()
    (_, bad) = frame([to_row(long_record("bad", accuracy_val=97.0))]).to_csv(index=False).splitlines()
    count = LARGEST_MB * MB // len(line) + 1
    with whole.open("w") as file:
        file.write(f"{heading}\n")
        file.writelines(f"{line.replace('of all', f'run {number}')}\n" for number in range(count))
    shutil.copy(whole, broken)
    with broken.open("a") as file:
        file.write(f"{bad}\n")
    small.write_text(f"{heading}\n" + "".join(f"{line.replace('of all', f'small {place}')}\n" for place in range(600)))
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_AT_ITS_END, *map(str, (small, broken, whole))],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    said, kept_of_broken, stored, grown = done.stdout.splitlines()
    assert said.startswith(f"{broken}: record {count + 1} (bad): accuracy_val: is 97, and ought to lie in [0, 1].")
    assert said.endswith(" Nothing was imported.")
    assert (int(kept_of_broken), int(stored)) == (0, count)
    assert int(grown) < 15, f"{grown} MB more for {whole.stat().st_size / MB:.0f} MB"
