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
"""A baseline that is older is measured again; a machine's idle power drifts with its settings and temperature."""


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
    """Return what was last measured of these sources on this machine; None if that was never, or too long ago."""
    try:
        stored = json.loads(_file(sources).read_text())
        baseline = IdleBaseline(stored["watts"], stored["measured_at"], stored["seconds"])
    except (OSError, ValueError, KeyError, TypeError):  # not there, or half of it
        return None
    return baseline if baseline.age_s < FRESH_S else None


def remember(sources: Sequence[PowerSource], baseline: IdleBaseline) -> None:
    """Keep a baseline for other processes of this machine; where that cannot be written, each measures its own."""
    target = _file(sources)
    draft = target.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(json.dumps(asdict(baseline)))
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)


def _file(sources: Sequence[PowerSource]) -> Path:
    # The same counter below another root is another one, and so is that of another graphics card.
    which = digest([[repr(source), *source.leases] for source in sources])[:8]
    return Path(tempfile.gettempdir()) / f"greenai-{machine_id(settings().host_id)}-{which}.idle.json"
