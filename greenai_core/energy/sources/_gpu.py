"""Which GPU a process computes on, in the words of NVIDIA's management library (NVML).

Source: https://docs.nvidia.com/cuda/cuda-c-programming-guide/, "CUDA Environment Variables"
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class NoGpu(Exception):
    """No GPU whose energy could be told, and why, in one sentence."""


@dataclass(frozen=True)
class Gpu:
    """One GPU; `library` is the module pynvml, initialised, and `handle` its handle."""

    library: Any
    handle: Any
    uuid: str
    name: str


def first_visible_gpu() -> Gpu:
    """Return the GPU that frameworks call "cuda" or "cuda:0".

    Raises:
        NoGpu: there is none, or its counter would not be ours.
    """
    gpus = _all_gpus()
    gpu = _first_visible(gpus, os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("CUDA_DEVICE_ORDER"))
    if _is_split(gpu):
        raise NoGpu(f"{gpu.name} is split into instances (MIG), which have one energy counter together")
    return gpu


def _all_gpus() -> list[Gpu]:
    try:
        import pynvml  # type: ignore[import-untyped]
    except ImportError:
        raise NoGpu("the package nvidia-ml-py is not installed") from None
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        gpus = [
            Gpu(pynvml, handle, pynvml.nvmlDeviceGetUUID(handle), pynvml.nvmlDeviceGetName(handle))
            for handle in handles
        ]
    except pynvml.NVMLError as error:
        raise NoGpu(f"NVML does not answer: {error}") from None
    if not gpus:
        raise NoGpu("the NVIDIA driver knows no GPU here")
    return gpus


def _first_visible(gpus: Sequence[Gpu], visible: str | None, order: str | None) -> Gpu:
    """Pick by CUDA_VISIBLE_DEVICES; CUDA numbers the fastest first, NVML by the slot on the bus."""
    first = "0" if visible is None else visible.split(",")[0].strip()
    if first.isdecimal() and int(first) < len(gpus):
        if order != "PCI_BUS_ID" and len({gpu.name for gpu in gpus}) > 1:
            raise NoGpu(
                "the GPUs differ and CUDA may number them otherwise than NVML: set CUDA_DEVICE_ORDER=PCI_BUS_ID, "
                "or name one by its UUID in CUDA_VISIBLE_DEVICES"
            )
        return gpus[int(first)]
    named = [gpu for gpu in gpus if first.startswith("GPU-") and gpu.uuid.startswith(first)]
    if len(named) != 1:
        raise NoGpu(f"CUDA_VISIBLE_DEVICES={visible} names no whole GPU of this machine first")
    return named[0]


def _is_split(gpu: Gpu) -> bool:
    try:
        current, _ = gpu.library.nvmlDeviceGetMigMode(gpu.handle)
    except gpu.library.NVMLError:  # a GPU that cannot be split
        return False
    return bool(current == gpu.library.NVML_DEVICE_MIG_ENABLE)
