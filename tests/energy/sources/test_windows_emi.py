"""Windows' counters without Windows: codecarbon's own code over devices that a test describes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from codecarbon.core import windows_emi

from greenai_core.energy.sources.windows_emi import WindowsEmi

PAUSE = "greenai_core.energy.sources._counters.sleep"
PICOWATT_HOURS = 1e12 / 3600
"""In one joule."""


class Meters:
    """Energy meters by device: channel names, and joules that tests advance."""

    def __init__(self, **channels: list[str]) -> None:
        self.channels = channels
        self.joules = {(device, index): 1_000.0 for device, names in channels.items() for index in range(len(names))}
        self.broken = False

    def advance(self, joules: float, *keys: tuple[str, int]) -> None:
        for key in keys or self.joules:
            self.joules[key] += joules

    def measurements(self, device: str, count: int) -> list[tuple[int, int]]:
        if self.broken:
            raise OSError("device was removed")
        return [(round(self.joules[device, index] * PICOWATT_HOURS), 0) for index in range(count)]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meters], WindowsEmi]:
    """Return a function that puts meters into this machine and returns the source."""

    def install(meters: Meters) -> WindowsEmi:
        monkeypatch.setattr(windows_emi, "sys", SimpleNamespace(platform="win32"))
        monkeypatch.setattr(windows_emi, "list_emi_device_paths", lambda: list(meters.channels))
        monkeypatch.setattr(windows_emi, "_read_device_channels", meters.channels.__getitem__)
        monkeypatch.setattr(windows_emi, "_read_device_measurements", meters.measurements)
        monkeypatch.setattr(PAUSE, lambda seconds: meters.advance(3))
        return WindowsEmi()

    return install


Windows = Callable[[Meters], WindowsEmi]


def joules(source: WindowsEmi, spend: Callable[[], object]) -> float | None:
    before = source.read()
    spend()
    return source.joules(before, source.read())


def test_packages_add_up_without_their_parts(windows: Windows) -> None:
    meters = Meters(one=["RAPL_Package0_PKG", "RAPL_Package0_DRAM"], core=["RAPL_Package0_Core0_CORE"])
    source = windows(meters)
    assert source.probe().ok
    assert joules(source, lambda: meters.advance(63)) == pytest.approx(63)


def test_two_sockets_add_up(windows: Windows) -> None:
    meters = Meters(one=["RAPL_Package0_PKG"], two=["RAPL_Package1_PKG"])
    meters.advance(500, ("two", 0))
    assert joules(windows(meters), lambda: meters.advance(10)) == pytest.approx(20)


def test_channels_that_mirror_one_counter_count_once(windows: Windows) -> None:
    meters = Meters(one=["RAPL_Package0_Die0_PKG"], two=["RAPL_Package0_Die1_PKG"])
    assert joules(windows(meters), lambda: meters.advance(10)) == pytest.approx(10)


def test_channels_that_happen_to_agree_all_count(windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = Meters(one=["RAPL_Package0_PKG"], two=["RAPL_Package1_PKG"])
    source = windows(meters)

    def pause(seconds: float) -> None:
        meters.advance(3, ("one", 0))
        meters.advance(4, ("two", 0))

    monkeypatch.setattr(PAUSE, pause)
    assert joules(source, lambda: meters.advance(10)) == pytest.approx(20)


def test_a_reading_that_fails_makes_the_joules_unknown(windows: Windows) -> None:
    meters = Meters(one=["RAPL_Package0_PKG"])
    assert joules(windows(meters), lambda: setattr(meters, "broken", True)) is None


def test_a_counter_that_went_back_makes_the_joules_unknown(windows: Windows) -> None:
    meters = Meters(one=["RAPL_Package0_PKG"])
    assert joules(windows(meters), lambda: meters.advance(-1)) is None


def test_counters_that_stand_still_are_refused(windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    source = windows(Meters(one=["RAPL_Package0_PKG"]))
    monkeypatch.setattr(PAUSE, lambda seconds: None)
    assert not source.probe().ok
    assert "advance" in source.probe().reason
    assert joules(source, lambda: None) is None


def test_a_windows_without_meters_is_refused(windows: Windows) -> None:
    probe = windows(Meters()).probe()
    assert not probe.ok
    assert "Windows 11" in probe.reason


def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_emi, "sys", SimpleNamespace(platform="linux"))
    probe = WindowsEmi().probe()
    assert not probe.ok
    assert "Windows only" in probe.reason
