"""The machine's slots: no two attempts run in the same one, whatever store they belong to.

A slot is a row of the store, which every host sees, and a file lock of the machine, which the operating system frees
however its holder ends.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from filelock import FileLock, Timeout

from greenai_core.energy.machine import machine_id
from greenai_core.settings import settings


def take(count: int, held: ExitStack) -> int | None:
    """Lock one of so many slots of this machine until `held` is closed.

    Returns:
        Its number, from 0; None: all are taken.
    """
    for number in range(count):
        file = Path(tempfile.gettempdir()) / f"greenai-{machine_id(settings().host_id)}-slot-{number}.lock"
        lock = FileLock(file, mode=0o666, thread_local=False, fallback_to_soft=False, preserve_lock_file=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        except OSError:  # a file of another user of the machine that this one may not open: the row must do
            return number
        held.callback(lock.release)
        return number
    return None
