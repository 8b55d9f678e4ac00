"""Records: kept, found again, and shown as one table.

What a record of the bank was measured with can be supplemented here: `remeasure` stores it anew under its run_id, and
a record of this store wins over one of the bank with the same run_id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from greenai_core.errors import BadInput
from greenai_core.record import Record, utc_if_time
from greenai_core.settings import settings
from greenai_core.spec import digest
from greenai_core.store import bank, deletions, revision, underway
from greenai_core.store.batches import batches
from greenai_core.store.database import reading, writing
from greenai_core.store.derived import COMPLETE, DERIVED, SOURCES, following
from greenai_core.store.rows import FLAT, from_row, to_row
from greenai_core.store.schema import RUN_COLUMNS, run

if TYPE_CHECKING:
    import pandas as pd

    from greenai_core.jobs.access import Access

Origin = Literal["all", "own", "bank"]


def save(record: Record) -> None:
    """Store a record; one with the same run_id is replaced.

    Raises:
        BadInput: the store cannot be written; nothing is stored.
    """
    with writing() as connection:
        insert(connection, record)


def insert(connection: sa.Connection, *added: Record) -> None:
    """Store records in a transaction that is open already, so that all of it happens or none of it."""
    for record in added:
        _put(connection, record)
    underway.unmark(connection, [record.run_id for record in added])
    revision.changed(connection)


def keep_unfinished(record: Record) -> None:
    """Store the record of a run that goes on in this process; a succeeded one is never replaced.

    `version` stays as it is, and the record is not shown, until the process is gone or the record is stored with
    `save` or `insert`.

    Raises:
        BadInput: the store cannot be written; nothing is stored.
    """
    with writing() as connection:
        stored = connection.execute(sa.select(run.c.status).where(run.c.run_id == record.run_id)).scalar()
        if stored == "succeeded":
            return
        _put(connection, record)
        marked = underway.mark(connection, record.run_id)
        if stored is not None and not marked:
            revision.changed(connection)  # it was taken for gone, and shown


def leave(record: Record) -> None:
    """Store and show what a run left behind that did not succeed; a succeeded record is never replaced.

    Raises:
        BadInput: the store cannot be written; nothing is stored.
    """
    with writing() as connection:
        stored = connection.execute(sa.select(run.c.status).where(run.c.run_id == record.run_id)).scalar()
        if stored != "succeeded":
            insert(connection, record)


def settle(connection: sa.Connection) -> None:
    """Take note of unfinished records whose process is gone: other hosts cannot know it of one of this host."""
    _, gone = underway.unfinished_ids(connection)
    if gone:
        underway.unmark(connection, gone)
        revision.changed(connection)


def load(run_id: str) -> Record:
    """Return one record, of this store or of the bank.

    Raises:
        BadInput: there is none of that id.
    """
    with reading() as connection:
        own = connection.execute(sa.select(run).where(run.c.run_id == run_id)).mappings().first()
    row = own or bank.row(run_id)
    if row is None:
        raise BadInput(f"there is no record {run_id!r}; `python -m greenai_core records` lists them.")
    return from_row(row)


def rows(origin: Origin = "all") -> list[tuple[str, Mapping[str, Any]]]:
    """Return (origin, row) of every record, newest first; a row has the columns of `RUN_COLUMNS`.

    Those of runs that go on are left out, here as in `every` and `table`; those of runs that failed or were aborted are
    not.
    """
    own: list[Mapping[str, Any]] = []
    if origin != "bank":
        with reading() as connection:
            own = [row._asdict() for row in _shown(connection, run)]
    mine = {row["run_id"] for row in own}
    shipped = [] if origin == "own" else [row for row in bank.rows() if row["run_id"] not in mine]
    tagged = [*(("own", row) for row in own), *(("bank", row) for row in shipped)]
    return sorted(tagged, key=lambda item: utc_if_time(str(item[1]["created_at"])), reverse=True)


def every(origin: Origin = "all") -> tuple[Record, ...]:
    """Return every record, newest first; remembered until the store changes."""
    return _every(origin, version())


@lru_cache(maxsize=2)
def _every(origin: Origin, _version: str) -> tuple[Record, ...]:
    return tuple(from_row(row) for _, row in rows(origin))


def each() -> Iterator[Record]:
    """Yield every record, newest first, as `every` returns them; of however many, few are in memory at a time."""
    with reading() as connection:
        when = {row.run_id: row.created_at for row in _shown(connection, run.c.run_id, run.c.created_at)}
    shipped = {row["run_id"]: row for row in bank.rows() if row["run_id"] not in when}
    when |= {run_id: row["created_at"] for run_id, row in shipped.items()}
    for batch in batches(sorted(when, key=lambda run_id: utc_if_time(str(when[run_id])), reverse=True)):
        with reading() as connection:
            own = connection.execute(sa.select(run).where(run.c.run_id.in_(batch))).mappings()
            found = {row["run_id"]: row for row in own}
        # One that was deleted meanwhile is left out.
        yield from (from_row(row) for run_id in batch if (row := found.get(run_id) or shipped.get(run_id)))


def table(origin: Origin = "all") -> pd.DataFrame:
    """Return one row per record, newest first, with every flat key of a record and the columns that follow from it.

    Those are origin ("own" or "bank"), energy_kind, and those of `greenai_core.store.derived.DERIVED`; what people
    wrote about runs is put beside them by `greenai_core.store.remarks.beside`. What is unknown is missing (NaN, None);
    columns of numbers have a numeric type also where every value is missing.
    """
    import pandas as pd

    columns = [*FLAT, *DERIVED]
    parts = []
    if origin != "bank":
        # By columns: by rows, pandas asks each of very many rows what kind of tuple it is.
        own = dict(zip(columns, zip(*_told(columns), strict=True), strict=False))
        parts.append(pd.DataFrame(own, dtype=object).assign(origin="own"))
    if origin != "own":
        parts += [frame[columns].assign(origin="bank") for frame in bank.frames()]
    parts = [part.astype(object) for part in parts if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*columns, "origin"])
    whole = whole.drop_duplicates("run_id").assign(
        # Older stores, and banks that others made, hold times as somebody wrote them.
        created_at=lambda found: found["created_at"].map(utc_if_time, na_action="ignore"),
        energy_kind=lambda found: found["energy_train_kind"],
    )
    return _typed(whole.sort_values("created_at", ascending=False, kind="stable", ignore_index=True))


def outlays() -> pd.DataFrame:
    """Return `run_id` and `outlay` (see `greenai_core.store.outlay`) of every run that spent its joules here.

    Records of the bank that were only measured again here are left out, and those of runs that go on.
    """
    import pandas as pd

    columns, shipped = ["run_id", "outlay"], bank.run_ids()
    return pd.DataFrame.from_records([row for row in _told(columns) if row.run_id not in shipped], columns=columns)


def _told(columns: Sequence[str]) -> Sequence[sa.Row[Any]]:
    """Return these columns of every record of this store that is shown."""
    never_empty = [name for name in columns if name in COMPLETE]
    for _ in range(2):
        with reading() as connection:
            found = _shown(connection, *(run.c[name] for name in columns))
        if all(getattr(row, name) is not None for row in found for name in never_empty):
            break
        _fill()
    return found


def version() -> str:
    """Return a value that changes whenever `table` would return something else; cheap enough to ask on every rerun."""
    with reading() as connection:
        own = revision.current(connection)
        _, gone = underway.unfinished_ids(connection)
    return digest([settings().database_url, own, gone, bank.version()])


def delete(run_ids: Sequence[str], access: Access) -> str:
    """Move own records to the bin, where they can be restored for a day; returns the id of the deletion.

    See `greenai_core.store.deletions`. Checkpoints stay in any case, since other runs may share them.

    Raises:
        ReadOnly: this caller may not.
        BadInput: one of them is not a record of this store; nothing is deleted.
    """
    access.require()
    deletions.expire()
    with writing() as connection:
        return deletions.put_in(connection, run_ids)


def _put(connection: sa.Connection, record: Record) -> None:
    connection.execute(run.delete().where(run.c.run_id == record.run_id))
    connection.execute(run.insert().values(to_row(record)))


def _shown(connection: sa.Connection, *columns: Any) -> Sequence[sa.Row[Any]]:
    """Return these columns, `run_id` among them, of every record of a run that has ended."""
    rows = connection.execute(sa.select(*columns)).all()
    # Asked afterwards: a record that is kept for the first time in between must not be taken for one that is left.
    going_on = set(underway.unfinished_ids(connection)[0])
    return [row for row in rows if row.run_id not in going_on] if going_on else rows


def _fill() -> None:
    """Derive what an older program, which knew of no such columns, left out.

    So many records at a time: their stages are long, and of very many records others could not write for minutes.
    """
    sources = sa.select(run.c.run_id, run.c.stages, *(run.c[name] for name in SOURCES))
    with reading() as connection:
        empty = sa.or_(*(run.c[name].is_(None) for name in COMPLETE))
        incomplete = connection.execute(sa.select(run.c.run_id).where(empty)).scalars().all()
    for batch in batches(incomplete):
        with writing() as connection:
            for row in connection.execute(sources.where(run.c.run_id.in_(batch))).mappings().all():
                connection.execute(run.update().where(run.c.run_id == row["run_id"]).values(following(row)))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    whole_numbers = [name for name, kind in RUN_COLUMNS.items() if kind == "int"]
    floats = [name for name, kind in RUN_COLUMNS.items() if kind == "float"]
    incomplete = [name for name in whole_numbers if not len(table) or table[name].isna().any()]
    complete = [name for name in whole_numbers if name not in incomplete]
    derived = [name for name, kind in DERIVED.items() if kind == "float"]
    types: dict[str, Any] = dict.fromkeys([*floats, *incomplete, *derived], "float64")
    return table.astype(types | dict.fromkeys(complete, "int64"))
