"""Power of the machine while nobody works: what counters would show anyway, and what a run must not be charged for."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from greenai_core.energy.machine import machine_id
from greenai_core.energy.sources._base import PowerSource
from greenai_core.settings import settings
from greenai_core.spec import digest

FRESH_S = 24 * 3600.0
"""A baseline that is older is measured again before a run; idle power drifts with settings and temperature."""


@dataclass(frozen=True)
class IdleBaseline:
    """Idle power per source id, in watts, and when (seconds since 1970) and for how many seconds it was measured."""

    watts: Mapping[str, float]
    measured_at: float
    seconds: float

    @property
    def age_s(self) -> float:
        """Seconds since it was measured."""
        return max(0.0, time.time() - self.measured_at)


def remembered(sources: Sequence[PowerSource]) -> IdleBaseline | None:
    """Return what was last measured of these sources on this machine, as old as the oldest; None if one never was."""
    known = [_read(source) for source in sources]
    found = [baseline for baseline in known if baseline is not None]
    if not found or len(found) < len(known):
        return None
    watts = {id: watts for baseline in found for id, watts in baseline.watts.items()}
    oldest = min(found, key=lambda baseline: baseline.measured_at)
    return IdleBaseline(watts, oldest.measured_at, oldest.seconds)


def remember(sources: Sequence[PowerSource], baseline: IdleBaseline) -> None:
    """Keep a baseline for other processes of this machine; where that cannot be written, each measures its own."""
    for source in sources:
        own = {"watts": {source.id: baseline.watts[source.id]}}
        target = _file(source)
        draft = target.with_suffix(f".{os.getpid()}")
        try:
            draft.write_text(json.dumps(asdict(baseline) | own))
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)


def _read(source: PowerSource) -> IdleBaseline | None:
    try:
        stored = json.loads(_file(source).read_text())
        return IdleBaseline({source.id: stored["watts"][source.id]}, stored["measured_at"], stored["seconds"])
    except (OSError, ValueError, KeyError, TypeError):  # not there, or half of it
        return None


def _file(source: PowerSource) -> Path:
    which = digest([repr(source), *source.leases])[:8]  # another root or graphics card has another idle power
    return Path(tempfile.gettempdir()) / f"greenai-{machine_id(settings().host_id)}-{which}.idle.json"
