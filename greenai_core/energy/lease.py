"""The measuring lease: who may measure on this machine, or on one graphics card, without company.

A file lock among the machine's temporary files, where every checkout on the machine meets. The operating system frees
it however its holder ends, kill -9 included. Within one process it may be taken again by whoever holds it. Where the
system protects files in shared folders (``fs.protected_regular``), a second user of the machine cannot open the first
one's file: that one never holds the lease, and its windows say so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from greenai_core.energy.machine import machine_id
from greenai_core.settings import settings

PROCESSOR = "cpu"
"""Name of the lease of the whole machine."""

PATIENCE_S = 600.0
"""How long a benchmark waits for the lease; then it measures in company and says so."""

NOT_HELD = "the measuring lease was not held: another measurement may have been going on"


@contextmanager
def lease(names: Sequence[str], wait_s: float) -> Iterator[str | None]:
    """Hold the leases of these names while the body runs, as far as they can be had; none for no names.

    Args:
        names: `PROCESSOR`, or "gpu-" and the UUID of a graphics card.
        wait_s: seconds to wait for each; 0 takes only what is free.

    Yields:
        None where all are held; else one sentence that says why not, and nothing is held.
    """
    with ExitStack() as taken:
        reason = None
        for name in sorted(names):  # in the same order everywhere: two that want both cannot wait for each other
            try:
                taken.enter_context(_lock(str(lease_file(name))).acquire(timeout=wait_s))
            except Timeout:
                waited = f" for more than {wait_s:g} s" if wait_s else ""
                reason = f"another measurement held the lease {name!r} of this machine{waited}"
            except OSError as error:
                reason = f"the lease {name!r} cannot be taken ({error})"
            if reason:
                taken.close()
                break
        yield reason


def held(names: Sequence[str]) -> bool:
    """Tell whether this process holds all of these."""
    return all(_lock(str(lease_file(name))).is_locked for name in names)


def lease_file(name: str) -> Path:
    """Return the file that is locked; one per name and machine, or per `GREENAI_HOST_ID` where that is set."""
    return Path(tempfile.gettempdir()) / f"greenai-{machine_id(settings().host_id)}-{name}.lease"


@cache
def _lock(path: str) -> FileLock:
    """Return this process's handle on a lock; one per file, as only the same handle may take a lock twice.

    A lock that the system does not keep would outlive its holder, and a file that is removed would split those who
    wait from those who come later.
    """
    return FileLock(path, mode=0o666, thread_local=False, fallback_to_soft=False, preserve_lock_file=True)
