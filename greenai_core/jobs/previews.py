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
from greenai_core.jobs.warm import WarmProcess, WorkerLostError, serve
from greenai_core.spec import Spec, check
from greenai_core.store import records

TIMEOUT_S = 120.0

_lock = threading.Lock()
_process: WarmProcess | None = None


def warm_up() -> None:
    """Start the process, if it does not run, so that the first preview need not wait for it; returns at once."""
    _running()


def ask(spec: Spec) -> dict[str, Any]:
    """Return what `greenai_core.preview.preview` says about a spec; remembered until the store has new records.

    Raises:
        BadInput: the spec cannot be previewed.
        RunFailed: no answer came.
    """
    return _ask(spec.to_json(), records.version())


@lru_cache(maxsize=512)
def _ask(spec_json: str, _version: str) -> dict[str, Any]:
    process = _running()
    try:
        answer: dict[str, Any] = process.ask("preview", spec_json=spec_json).result(TIMEOUT_S)
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
    from greenai_core.preview import preview

    preview(first_experiment())


def _preview(spec_json: str) -> dict[str, Any]:
    from greenai_core.preview import preview

    return preview(check(json.loads(spec_json)))


if __name__ == "__main__":
    serve({"preview": _preview}, _prepare)
