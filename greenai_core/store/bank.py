"""The shipped records (`*.parquet` in GREENAI_BANK), measured with this project; read-only."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenai_core.settings import settings
from greenai_core.store.derived import DERIVED, SOURCES, derive
from greenai_core.store.rows import plain
from greenai_core.store.schema import RUN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def version() -> list[tuple[str, int, int]]:
    """Return a value that changes whenever the bank does."""
    return [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in _files()]


def frames() -> list[pd.DataFrame]:
    """Return each file with every column of the table `run`; do not change them, they are shared."""
    return [_read(path, path.stat().st_mtime_ns) for path in _files()]


def rows() -> Iterator[dict[str, Any]]:
    """Yield the row of every record."""
    for frame in frames():
        yield from map(plain, frame.to_dict("records"))


def row(run_id: str) -> dict[str, Any] | None:
    """Return the row of one record, or None."""
    for frame in frames():
        found = frame[frame["run_id"] == run_id]
        if len(found):
            return plain(found.to_dict("records")[0])
    return None


def run_ids() -> set[str]:
    """Return the ids of all records."""
    return {run_id for frame in frames() for run_id in frame["run_id"]}


def _files() -> list[Path]:
    return sorted(settings().bank.glob("*.parquet"))


@lru_cache(maxsize=32)
def _read(path: Path, _mtime_ns: int) -> pd.DataFrame:
    import pandas as pd

    # A column that did not exist when a file was written is unknown; None is so for every type of column.
    found = pd.read_parquet(path).reindex(columns=list(RUN_COLUMNS)).astype(object)
    found = found.where(found.notna(), None)
    told = [derive(row) for row in found[list(SOURCES)].to_dict("records")]
    return found.join(pd.DataFrame(told, columns=list(DERIVED)))
