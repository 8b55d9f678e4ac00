"""NVML: the energy counter of an NVIDIA GPU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import psutil

from greenai_core.energy.sources._base import Component, Probe, Reading, Scope
from greenai_core.energy.sources._counters import advances, grown
from greenai_core.energy.sources._gpu import Gpu, NoGpu, first_visible_gpu
from greenai_core.record import EnergyKind

ADVANCE_WITHIN_S = 0.5
JOULES_PER_MILLIJOULE = 1e-3


@dataclass(frozen=True)
class Nvml:
    """Joules of the whole GPU that "cuda" means in this process, whoever used it, its memory and idling included.

    Work that was only queued on the GPU is not in it yet: synchronise before both readings. Some GPUs sample their
    power for a quarter of the time only (Yang et al. 2023, arXiv:2312.02741), hence the long window.

    Source: https://docs.nvidia.com/deploy/nvml-api/, nvmlDeviceGetTotalEnergyConsumption.
    """

    id: str = "nvml:energy"
    kind: EnergyKind = "measured"
    component: Component = "gpu"
    scope: Scope = "gpu_device"
    constants: Mapping[str, float] = field(default_factory=dict)
    min_window_s: float = 5.0

    @property
    def leases(self) -> tuple[str, ...]:
        """The GPU's UUID, which begins with "gpu-"; nothing where there is no GPU."""
        return (self._gpu.uuid.lower(),) if isinstance(self._gpu, Gpu) else ()

    def probe(self) -> Probe:
        """Tell whether the GPU has an energy counter that advances; takes up to half a second."""
        if not isinstance(self._gpu, Gpu):
            return self._gpu
        name = self._gpu.name
        if math.isnan(self.read()[0]):
            return Probe(False, f"{name} has no energy counter that can be read: GPUs have one since Volta (2017)")
        if not advances(self.read, ADVANCE_WITHIN_S):
            return Probe(False, f"the energy counter of {name} does not advance")
        return Probe(True, f"NVML energy counter of {name}: everything that runs on this GPU")

    def read(self) -> Reading:
        """Read the millijoules; NaN where that fails."""
        if not isinstance(self._gpu, Gpu):
            return (math.nan,)
        library = self._gpu.library
        try:
            return (float(library.nvmlDeviceGetTotalEnergyConsumption(self._gpu.handle)),)
        except library.NVMLError:
            return (math.nan,)

    def joules(self, before: Reading, after: Reading) -> float | None:
        """Return the joules; None if a reading failed or the counter began anew, as when the driver is reloaded."""
        millijoules = grown(before, after)
        return None if millijoules is None else millijoules * JOULES_PER_MILLIJOULE

    def others(self) -> int | None:
        """Return how many processes besides this one and its descendants compute on the GPU.

        None where that is not known: the driver does not say, or its list lacks our own process, either because it
        has not computed on the GPU yet, or because a container hides and renumbers processes.
        """
        if not isinstance(self._gpu, Gpu):
            return None
        library = self._gpu.library
        try:
            computing = {process.pid for process in library.nvmlDeviceGetComputeRunningProcesses(self._gpu.handle)}
        except library.NVMLError:
            return None
        this = psutil.Process()
        ours = {this.pid, *(child.pid for child in this.children(recursive=True))}
        return len(computing - ours) if computing & ours else None

    @cached_property
    def _gpu(self) -> Gpu | Probe:
        try:
            return first_visible_gpu()
        except NoGpu as error:
            return Probe(False, str(error))
