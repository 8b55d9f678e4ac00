"""What a figure was measured on: facts about this machine that records carry.

No host name, user name or path is among them: records are shared. The machine is named by a hash.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import uuid
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from greenai_core.settings import settings
from greenai_core.spec import digest

LIBRARIES = (
    "torch",
    "torchvision",
    "torch-pruning",
    "numpy",
    "scikit-learn",
    "onnx",
    "onnxruntime",
    "codecarbon",
    "psutil",
)
"""Libraries whose version can change a figure."""

_HYPERVISORS = re.compile(
    "kvm|qemu|vmware|virtualbox|virtual machine|xen|bochs|parallels|amazon ec2|google compute", re.I
)


def environment() -> dict[str, Any]:
    """Return the facts as a JSON-ready dict; what cannot be known is None.

    Keys: machine_id (hash), cpu_model, processor_family, cores (logical), cores_physical, cores_usable (by this
    process), memory_bytes, virtual_machine, os, architecture, python, omp_wait_policy, libraries (name to version).
    """
    return {
        "machine_id": machine_id(settings().host_id),
        "cpu_model": cpu_model(),
        "processor_family": processor_family(),
        "cores": psutil.cpu_count(logical=True),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_usable": cores_usable(),
        "memory_bytes": psutil.virtual_memory().total,
        "virtual_machine": virtual_machine(),
        "os": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "libraries": libraries(),
    }


def machine_id(host_id: str) -> str:
    """Return 16 hex digits that stand for this machine and do not lead back to its name.

    The operating system's own machine id, or the network address, goes into the hash, so that a host name cannot be
    found by hashing guesses.
    """
    return digest({"application": "green-ai-explorer", "host": host_id, "machine": _installation_id()})


@cache
def _installation_id() -> str:
    try:
        if found := Path("/etc/machine-id").read_text().strip():
            return found
    except OSError:
        pass  # not Linux
    address = uuid.getnode()
    drawn = address >> 40 & 1  # no network card was found: the number is new in every process
    return "" if drawn else f"{address:x}"


def cores_usable() -> int:
    """Return how many logical cores this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


@cache
def cpu_model() -> str | None:
    """Return the processor's marketing name, as far as the system or its hypervisor tells it."""
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
    return _cpuinfo().get("model name") or platform.processor() or None


@cache
def processor_family() -> str:
    """Return vendor, family and model numbers, which tell apart processors whose marketing name is hidden."""
    facts = _cpuinfo()
    if "cpu family" in facts:
        return (
            f"{facts.get('vendor_id', 'unknown vendor')} family {facts['cpu family']} model {facts.get('model', '?')}"
        )
    if "CPU part" in facts:
        return f"{platform.machine()} implementer {facts.get('CPU implementer', '?')} part {facts['CPU part']}"
    return platform.processor() or platform.machine()


@cache
def virtual_machine() -> bool | None:
    """Tell whether this is a virtual machine; None where the system does not say."""
    if "hypervisor" in _cpuinfo().get("flags", "").split():
        return True
    try:
        product = Path("/sys/class/dmi/id/sys_vendor").read_text() + Path("/sys/class/dmi/id/product_name").read_text()
    except OSError:
        return None
    return bool(_HYPERVISORS.search(product))


@cache
def _cpuinfo() -> dict[str, str]:
    """Return the first processor's lines of /proc/cpuinfo; empty where there is none."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


@cache
def _library_versions() -> tuple[tuple[str, str], ...]:
    found = []
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def libraries() -> dict[str, str]:
    """Return the versions of the installed `LIBRARIES`, without importing them."""
    return dict(_library_versions())
