"""Previews for the dashboard, computed by a process of their own.

They need torch, which the dashboard must not import, and they must answer while a job trains, without being charged
to it: hence neither the dashboard's process nor the supervisor's worker.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import TimeoutError as NoAnswerError
from functools import lru_cache
from typing import Any

from greenai_core.errors import RunFailed
from greenai_core.examples import first_experiment
from greenai_core.jobs import sweeps
from greenai_core.jobs.warm import WarmProcess, WorkerLostError, serve
from greenai_core.store import records

TIMEOUT_S = 120.0

_lock = threading.Lock()
_process: WarmProcess | None = None


def warm_up() -> None:
    """Start the process, if it does not run, so that the first preview need not wait for it; returns at once."""
    _running()


def ask(document: Any, *, again: bool = False) -> dict[str, Any]:
    """Return what `greenai_core.preview.price` says about the runs of a document; remembered until the store changes.

    Args:
        document: a spec or a sweep, see `greenai_core.jobs.sweeps.read`.
        again: whether runs that a stored record answers are run nevertheless.

    Raises:
        BadInput: the runs cannot be priced.
        RunFailed: no answer came.
    """
    return _ask(json.dumps(document), again, records.version())


@lru_cache(maxsize=512)
def _ask(document_json: str, again: bool, _version: str) -> dict[str, Any]:
    process = _running()
    try:
        asked = process.ask("price", document_json=document_json, again=again)
        answer: dict[str, Any] = asked.result(TIMEOUT_S)
    except NoAnswerError:
        process.kill()
        raise RunFailed(f"the preview gave no answer within {TIMEOUT_S:.0f} s; change a field to ask again.") from None
    except WorkerLostError:
        raise RunFailed("the preview's process ended before it answered; change a field to ask a new one.") from None
    return answer


def _running() -> WarmProcess:
    global _process
    with _lock:
        if _process is None or not _process.alive:
            _process = WarmProcess("greenai_core.jobs.previews")
        return _process


def _prepare() -> None:
    """Answer once what the Launch page asks first: libraries and the embedded data are then in memory."""
    from greenai_core.preview import price

    price([first_experiment()])


def _price(document_json: str, again: bool) -> dict[str, Any]:
    from greenai_core.preview import price

    return price(sweeps.read(json.loads(document_json)).specs, again=again)


if __name__ == "__main__":
    serve({"price": _price}, _prepare)
