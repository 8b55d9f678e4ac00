"""The processor packages that Linux's powercap tree shows, each counter once.

Source: https://docs.kernel.org/power/powercap/powercap.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIRROR_TOLERANCE_UJ = 1e6
"""Two views of one counter are refreshed within milliseconds of each other: less than a joule."""

_ZONE = re.compile(r"intel-rapl:(\d+)")  # for AMD as well; one colon: its parts (cores, memory) have two


@dataclass(frozen=True)
class Domain:
    """One package.

    Attributes:
        name: as the kernel gives it: package-0, or package-0-die-1.
        counter: the file with the microjoules.
        range_uj: where the counter wraps around; NaN if that is not known.
    """

    name: str
    counter: Path
    range_uj: float

    def microjoules(self) -> float:
        """Read the counter; NaN if it cannot be read."""
        return _number(self.counter)


def package_domains(root: Path) -> tuple[Domain, ...]:
    """Find the packages below a powercap folder; empty where there is none.

    A package is shown as ``intel-rapl:0`` and, where links are followed, as ``intel-rapl/intel-rapl:0`` again. Some
    processors show each die, and every die shows the counter of the whole socket; on others dies have their own.
    """
    zones = {
        int(match[1]): folder
        for pattern in ("intel-rapl/*", "*")
        for folder in root.glob(pattern)
        if (match := _ZONE.fullmatch(folder.name))
    }
    found = [_domain(zones[number]) for number in sorted(zones)]
    return _without_mirrors([domain for domain in found if domain.name.startswith("package")])


def _domain(folder: Path) -> Domain:
    try:
        name = (folder / "name").read_text().strip()
    except OSError:  # a link that leads nowhere: containers hide the tree, and leave the links to it
        name = ""
    return Domain(name, folder / "energy_uj", _number(folder / "max_energy_range_uj"))


def _number(file: Path) -> float:
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return math.nan


def _without_mirrors(domains: Sequence[Domain]) -> tuple[Domain, ...]:
    kept: list[Domain] = []
    for domain in domains:
        if not any(_dies_of_one_socket(domain, other) and _mirrors(domain, other) for other in kept):
            kept.append(domain)
    return tuple(kept)


def _dies_of_one_socket(one: Domain, other: Domain) -> bool:
    socket, die, _ = one.name.partition("-die-")
    return bool(die) and other.name.startswith(socket + die)


def _mirrors(one: Domain, other: Domain) -> bool:
    """Tell whether two files show one counter: the value of one lies between two readings of the other."""
    while True:
        before, between, after = other.microjoules(), one.microjoules(), other.microjoules()
        if not after < before:  # else it wrapped around just now
            return before - MIRROR_TOLERANCE_UJ <= between <= after + MIRROR_TOLERANCE_UJ
