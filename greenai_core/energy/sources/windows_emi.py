"""Windows' Energy Meter Interface (EMI): the counters of the processor packages, read through codecarbon.

codecarbon 3.3.2 knows the devices, picks the package channels and finds dies that mirror one counter. It hands on
differences only, with 0 for what it could not read; so its snapshots of the counters are read, which are private.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from greenai_core.energy.sources._base import Component, Probe, Reading, Scope
from greenai_core.energy.sources._counters import advances, grown
from greenai_core.record import EnergyKind

ADVANCE_WITHIN_S = 0.25
JOULES_PER_PICOWATT_HOUR = 3.6e-9


@dataclass(frozen=True)
class _Channels:
    """Counters of an open `codecarbon.core.windows_emi.WindowsEMI`: (device, index) of each."""

    emi: Any
    keys: tuple[Any, ...]

    def read(self) -> Reading:
        snapshot = self.emi._snapshot()
        return tuple(float(snapshot[key][0]) if key in snapshot else math.nan for key in self.keys)


@dataclass(frozen=True)
class WindowsEmi:
    """Joules of all processor packages, whoever used them, idling included.

    Not tried on a Windows machine: its tests drive codecarbon's code with devices that are not there.

    Source: https://learn.microsoft.com/en-us/windows-hardware/drivers/powermeter/energy-meter-interface
    """

    id: str = "codecarbon:windows_emi"
    kind: EnergyKind = "measured"
    component: Component = "cpu"
    scope: Scope = "cpu_package"
    constants: Mapping[str, float] = field(default_factory=dict)
    min_window_s: float = 2.0
    leases: tuple[str, ...] = ("cpu",)

    def probe(self) -> Probe:
        """Tell whether there is a counter that advances; the first call takes up to a quarter of a second."""
        if isinstance(self._channels, Probe):
            return self._channels
        return Probe(True, "Windows' counters of the processor packages: everything that runs on the processor")

    def others(self) -> int | None:
        """None: the counters do not tell who used the processor; CPU time does."""
        return None

    def read(self) -> Reading:
        """Read the picowatt-hours of each package; NaN where that fails."""
        return (math.nan,) if isinstance(self._channels, Probe) else self._channels.read()

    def joules(self, before: Reading, after: Reading) -> float | None:
        """Return the joules of all packages; None if a reading failed or a counter went back."""
        picowatt_hours = grown(before, after)
        return None if picowatt_hours is None else picowatt_hours * JOULES_PER_PICOWATT_HOUR

    @cached_property
    def _channels(self) -> _Channels | Probe:
        return _open()


def _open() -> _Channels | Probe:
    from codecarbon.core.units import Time
    from codecarbon.core.windows_emi import WindowsEMI

    try:
        emi = WindowsEMI()
    except SystemError:
        return Probe(False, "the Energy Meter Interface exists on Windows only")
    except Exception as error:  # it reads buffers of the operating system, and states no errors
        return Probe(False, f"Windows' Energy Meter Interface cannot be used: {error}")
    emi.start()
    every = _Channels(emi, tuple(emi._snapshot()))
    if not every.keys or not advances(every.read, ADVANCE_WITHIN_S):
        return Probe(False, "the counters of Windows' Energy Meter Interface cannot be read, or do not advance")
    emi.get_cpu_details(Time(ADVANCE_WITHIN_S))  # compares the growth of channels, and drops those that mirror others
    return _Channels(emi, tuple(emi._snapshot()))
