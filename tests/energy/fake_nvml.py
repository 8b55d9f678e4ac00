"""A stand-in for the module pynvml: GPUs that a test describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

MIG_ENABLE = 1


class NVMLError(Exception):
    """What pynvml raises."""


@dataclass(eq=False)
class FakeGpu:
    """One GPU, which is its own handle."""

    uuid: str = "GPU-aaaa-1"
    name: str = "NVIDIA H200"
    millijoules: int | None = 1_000_000
    pids: Sequence[int] | None = ()
    mig: int | None = None


class FakeNvml:
    """The functions that are used, by their names in pynvml."""

    NVMLError = NVMLError
    NVML_DEVICE_MIG_ENABLE = MIG_ENABLE

    def __init__(self, *gpus: FakeGpu, driver: bool = True) -> None:
        self._gpus, self._driver = gpus, driver

    def nvmlInit(self) -> None:  # noqa: N802
        if not self._driver:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self._gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> FakeGpu:  # noqa: N802
        return self._gpus[index]

    def nvmlDeviceGetUUID(self, gpu: FakeGpu) -> str:  # noqa: N802
        return gpu.uuid

    def nvmlDeviceGetName(self, gpu: FakeGpu) -> str:  # noqa: N802
        return gpu.name

    def nvmlDeviceGetMigMode(self, gpu: FakeGpu) -> list[int]:  # noqa: N802
        return [_supported(gpu.mig), 0]

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu: FakeGpu) -> int:  # noqa: N802
        return _supported(gpu.millijoules)

    def nvmlDeviceGetComputeRunningProcesses(self, gpu: FakeGpu) -> list[SimpleNamespace]:  # noqa: N802
        return [SimpleNamespace(pid=pid) for pid in _supported(gpu.pids)]


def _supported(value: Any) -> Any:
    if value is None:
        raise NVMLError("Not Supported")
    return value
