"""Apple's powermetrics: samples of the power of an Apple Silicon chip, taken through codecarbon and added up.

There is no counter to read at both edges of a window, so a thread takes sample after sample, about a second each, from
the first reading on. Between two samples the power of the last one is taken to go on.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from greenai_core.energy.sources._base import Probe, Reading, Scope
from greenai_core.record import EnergyKind

Watts = Mapping[str, float]
"""Mean power of one sample, by `Powermetrics.component`; empty: the sample failed."""

STALE_S = 3.0
"""A sample takes one second and a little; if the last one ended this long ago, there is a gap."""
PAUSE_AFTER_FAILURE_S = 1.0


@dataclass(frozen=True)
class Covered:
    """What contiguous samples have covered: the joules of each part since `since_s`, until `until_s`.

    `watts` is the power of the last one; empty where there is none yet.
    """

    since_s: float
    until_s: float
    joules: Mapping[str, float]
    watts: Watts

    def extended(self, watts: Watts, now_s: float) -> Covered:
        """Return this with a sample that ended now; a failed one leaves a gap, after which counting begins anew."""
        if not watts:
            return _gap(now_s)
        elapsed_s = now_s - self.until_s
        return Covered(
            self.since_s,
            now_s,
            {part: self.joules.get(part, 0.0) + power * elapsed_s for part, power in watts.items()},
            watts,
        )

    def at(self, part: str, now_s: float) -> float:
        """Return the joules of a part until now, if its power has not changed since the last sample; NaN in a gap."""
        if part not in self.watts or now_s - self.until_s > STALE_S:
            return math.nan
        return self.joules[part] + self.watts[part] * (now_s - self.until_s)


def _gap(now_s: float) -> Covered:
    return Covered(now_s, now_s, {}, {})


class Sampler:
    """Adds up samples; each costs some milliseconds of CPU time in a child."""

    def __init__(self, sample: Callable[[], Watts], clock: Callable[[], float] = time.monotonic) -> None:
        """Take no sample yet.

        Args:
            sample: blocks while it samples.
            clock: seconds.
        """
        self._sample, self._clock = sample, clock
        self._covered = _gap(clock())
        self._told: dict[str, Reading] = {}
        self._lock = threading.Lock()
        self._works = self._runs = False

    def works(self) -> bool:
        """Return whether a sample ever succeeded; takes one to find out."""
        with self._lock:
            return self._works or (not self._runs and self.step())

    def run(self) -> None:
        """Sample from now on, for as long as the process lives; the first call returns after the first sample."""
        with self._lock:
            if self._runs:
                return
            self._runs = True
            self._covered = _gap(self._clock())
            self.step()
            threading.Thread(target=self._go_on, name="powermetrics", daemon=True).start()

    def step(self) -> bool:
        """Take one sample; returns whether it succeeded."""
        watts = self._sample()
        self._covered = self._covered.extended(watts, self._clock())
        self._works = self._works or bool(watts)
        return bool(watts)

    def read(self, part: str) -> Reading:
        """Return since when samples are contiguous, and the joules until now; NaN where they are not known.

        Where the power turns out to have fallen since the last sample, joules stand still until they are right again.
        """
        covered = self._covered
        joules = covered.at(part, self._clock())
        since_s, told = self._told.get(part, (covered.since_s, joules))
        if since_s == covered.since_s and told > joules:
            joules = told
        if not math.isnan(joules):
            self._told[part] = covered.since_s, joules
        return covered.since_s, joules

    def _go_on(self) -> None:
        while True:
            if not self.step():
                time.sleep(PAUSE_AFTER_FAILURE_S)


@dataclass(frozen=True)
class Powermetrics:
    """Joules of the chip's processor cores, or of its GPU, whoever used them: mean power of each sample x time.

    Sampled, not counted, and by Apple's own word an estimate that should not be used to compare devices. At either edge
    of a window up to about 1.3 s go by the power of the sample before; hence the long window.

    Not tried on a Mac. Source: the manual page powermetrics(1) of macOS.
    """

    component: Literal["cpu", "gpu"]
    kind: EnergyKind = "measured"
    constants: Mapping[str, float] = field(default_factory=dict)
    min_window_s: float = 10.0

    @property
    def id(self) -> str:
        """Short name; the two parts of the chip have different ones."""
        return "codecarbon:powermetrics" if self.component == "cpu" else "codecarbon:powermetrics:gpu"

    @property
    def scope(self) -> Scope:
        """Everything that runs on this part of the chip."""
        return "cpu_package" if self.component == "cpu" else "gpu_device"

    @property
    def leases(self) -> tuple[str, ...]:
        """One per part of the chip."""
        return ("cpu",) if self.component == "cpu" else ("gpu-apple",)

    def probe(self) -> Probe:
        """Tell whether samples can be taken; takes about a second at first. Nothing is left running."""
        sampler = sampler_of_process()
        if isinstance(sampler, Probe):
            return sampler
        if not sampler.works():
            return Probe(False, "powermetrics is allowed, but no sample of it could be read")
        return Probe(
            True, f"powermetrics: power of the chip's {self.component.upper()}, sampled, and estimated by macOS"
        )

    def others(self) -> int | None:
        """None: samples do not tell who used the chip."""
        return None

    def read(self) -> Reading:
        """Return since when samples are contiguous, and the joules until now; the first reading takes about a second.

        From then on samples are taken, so whoever only asks what there is to measure does not disturb the machine.
        """
        sampler = sampler_of_process()
        if isinstance(sampler, Probe):
            return math.nan, math.nan
        sampler.run()
        return sampler.read(self.component)

    def joules(self, before: Reading, after: Reading) -> float | None:
        """Return the joules; None if samples were missing."""
        spent = after[1] - before[1]
        return None if before[0] != after[0] or math.isnan(spent) else spent


@cache
def sampler_of_process() -> Sampler | Probe:
    """Return the one sampler of this process, or why there is none."""
    from codecarbon.core.powermetrics import ApplePowermetrics, is_powermetrics_available

    log = Path(tempfile.gettempdir()) / f"greenai-powermetrics-{os.getpid()}.txt"
    try:
        powermetrics = ApplePowermetrics(output_dir=str(log.parent), log_file_name=log.name)
    except Exception as error:  # it states no errors
        return Probe(False, f"powermetrics exists on Macs with Apple Silicon only: {error}")
    if not is_powermetrics_available():
        return Probe(
            False,
            "powermetrics runs as root only: let this user call it without a password (a NOPASSWD line in sudoers)",
        )

    def sample() -> Watts:
        log.unlink(missing_ok=True)  # codecarbon would read the last sample again where none could be taken
        details = powermetrics.get_details()
        watts = {"cpu": details.get("CPU Power", 0.0), "gpu": details.get("GPU Power", 0.0)}
        return watts if watts["cpu"] > 0 else {}  # 0 is what codecarbon makes of a file without samples

    return Sampler(sample)
