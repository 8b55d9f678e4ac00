"""A powercap tree as the kernel lays it out, whose counters a test drives by hand or at so many watts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

RANGE_UJ = 262_143_328_850


class FakePowercap:
    """Files below `root`; each package has a part (its cores), which must not be counted beside it."""

    def __init__(
        self, root: Path, names: Sequence[str] = ("package-0",), *, start_uj: int = 5_000_000, range_uj: int = RANGE_UJ
    ) -> None:
        self.root = root
        self.counters = {name: self._zone(f"intel-rapl:{number}", name) for number, name in enumerate(names)}
        for number, counter in enumerate(self.counters.values()):
            self._zone(f"intel-rapl:{number}:0", "core", counter.parent)
        self._range_uj = range_uj
        self._values_uj = {name: float(start_uj) for name in names}
        self._watts, self._written_s = 0.0, time.perf_counter()
        self._lock = threading.Lock()
        for counter in root.rglob("max_energy_range_uj"):
            counter.write_text(f"{range_uj}\n")
        self.advance(0.0)

    def advance(self, joules: float, *names: str) -> None:
        """Add joules to these packages; to all if none is named."""
        with self._lock:
            self._add(joules, names)

    def refresh(self) -> float:
        """Write what the watts have made until now; returns the time (perf_counter) that the counters then show."""
        with self._lock:
            now_s = time.perf_counter()
            self._add(self._watts * (now_s - self._written_s))
            self._written_s = now_s
            return now_s

    @contextmanager
    def driven(self, watts: float) -> Iterator[float]:
        """Let every package use so many watts while the body runs; a thread keeps writing the counters.

        Yields:
            The time (perf_counter) at which that began.
        """
        stop = threading.Event()

        def drive() -> None:
            while not stop.wait(0.005):
                self.refresh()

        driver = threading.Thread(target=drive, daemon=True)
        began_s = self.refresh()
        self._watts = watts
        driver.start()
        try:
            yield began_s
        finally:
            stop.set()
            driver.join()
            self.refresh()
            self._watts = 0.0

    def _add(self, joules: float, names: Sequence[str] = ()) -> None:
        for name in names or self._values_uj:
            self._values_uj[name] = (self._values_uj[name] + joules * 1e6) % self._range_uj
            _replace(self.counters[name], f"{round(self._values_uj[name])}\n")

    def _zone(self, folder: str, name: str, parent: Path | None = None) -> Path:
        """Make one zone and the link to it at the top; returns its counter."""
        zone = (parent or self.root / "intel-rapl") / folder
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text("77000000\n")
        (zone / "max_energy_range_uj").touch()
        (self.root / folder).symlink_to(zone.relative_to(self.root), target_is_directory=True)
        return zone / "energy_uj"


def _replace(file: Path, text: str) -> None:
    """Write in one step, so that no reader sees half a number."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)
