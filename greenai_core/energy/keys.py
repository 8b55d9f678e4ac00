"""When two energy figures may be ranked against each other: equal keys, and only then.

A key is built from what makes a joule mean something else: the processor, how the joules were obtained, and how the
work was spread. Weight precision or file format are properties of a candidate and no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenai_core.spec import digest


def training_key(
    *, machine: Mapping[str, Any], source: str, constants: Mapping[str, float], threads: int, device: str
) -> str:
    """Return the key under which energies and CPU-seconds of training compare.

    Args:
        machine: `greenai_core.energy.machine.environment()`, of which the processor and its cores count.
        source: `EnergyMeter.source`.
        constants: `EnergyMeter.constants`.
        threads: threads that training used.
        device: "cpu", "cuda" or "mps".
    """
    return digest({"quantity": "training", **_basis(machine, source, constants, threads, device)})


def inference_key(
    *,
    machine: Mapping[str, Any],
    source: str,
    constants: Mapping[str, float],
    threads: int,
    device: str,
    runtime: str,
    batch: int,
) -> str:
    """Return the key under which latencies, throughputs and energies per sample compare.

    Args:
        machine: `greenai_core.energy.machine.environment()`, of which the processor and its cores count.
        source: `EnergyMeter.source`.
        constants: `EnergyMeter.constants`.
        threads: threads of one forward pass.
        device: "cpu", "cuda" or "mps".
        runtime: name and version of what computed the forward pass.
        batch: batch size of throughput and of energy per sample.
    """
    basis = _basis(machine, source, constants, threads, device)
    return digest({"quantity": "inference", **basis, "runtime": runtime, "batch": batch})


def _basis(
    machine: Mapping[str, Any], source: str, constants: Mapping[str, float], threads: int, device: str
) -> dict[str, Any]:
    return {
        "processor_family": machine["processor_family"],
        "cpu_model": machine["cpu_model"],
        "cores": machine["cores"],
        "source": source,
        "constants": {name: float(value) for name, value in constants.items()},
        "threads": threads,
        "device": device,
    }
