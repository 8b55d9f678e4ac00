"""Which sources of joules work on this machine, and why not the better ones."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from greenai_core.energy.sources._base import Component, PowerSource
from greenai_core.energy.sources.cputime import CpuTime
from greenai_core.energy.sources.nvml import Nvml
from greenai_core.energy.sources.powermetrics import Powermetrics
from greenai_core.energy.sources.rapl import Rapl
from greenai_core.energy.sources.windows_emi import WindowsEmi
from greenai_core.spec import Device


@dataclass(frozen=True)
class Refused:
    """A source that could exist on this system and does not work here; `reason` is one sentence of its probe."""

    id: str
    component: Component
    reason: str


@dataclass(frozen=True)
class Survey:
    """What was found: at most one source per component, and each better one that was tried in vain."""

    chosen: tuple[PowerSource, ...]
    refused: tuple[Refused, ...]


def survey(device: Device, *, watts_per_core: float, powercap_root: Path) -> Survey:
    """Try the sources of the processor and of the device, best first.

    The processor always has one, for CPU time is always counted; a GPU has none where it has no counter.

    Args:
        device: what computes.
        watts_per_core: assumed power of one busy core, for the estimate.
        powercap_root: where Linux shows the processor's counters, usually /sys/class/powercap.
    """
    chosen: list[PowerSource] = []
    refused: list[Refused] = []
    processor = [*_processor_counters(powercap_root), CpuTime(watts_per_core)]
    for candidates in (processor, _device_counters(device)):
        for source in candidates:
            probe = source.probe()
            if probe.ok:
                chosen.append(source)
                break
            refused.append(Refused(source.id, source.component, probe.reason))
    return Survey(tuple(chosen), tuple(refused))


def graphics_counter() -> PowerSource:
    """Return the source that counts for a graphics card on this system, whether or not it works here."""
    return Powermetrics("gpu") if platform.system() == "Darwin" else Nvml()


def _processor_counters(powercap_root: Path) -> Sequence[PowerSource]:
    system = platform.system()
    if system == "Linux":
        return [Rapl(powercap_root)]
    if system == "Windows":
        return [WindowsEmi()]
    if system == "Darwin":
        return [Powermetrics("cpu")]
    return []


def _device_counters(device: Device) -> Sequence[PowerSource]:
    if device == "cuda":
        return [Nvml()]
    if device == "mps":
        return [Powermetrics("gpu")]
    return []
