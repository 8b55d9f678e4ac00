"""Carbon intensity, and codecarbon as a second opinion: offline, unswayed by a user's files, and never fatal."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from greenai_core.energy.carbon import Codecarbon, countries, country_intensity, processor_mode
from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.sources.cputime import CpuTime
from greenai_core.errors import BadInput
from tests.energy.workload import work


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Refuse every connection and look-up; returns the list of what was tried."""
    tried: list[str] = []

    def refuse(*args: Any, **kwargs: Any) -> Any:
        tried.append(repr(args))
        raise OSError("the network is blocked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def test_intensity_names_its_level_source_and_year() -> None:
    intensity = country_intensity("NLD")
    assert intensity is not None
    assert intensity.g_per_kwh == pytest.approx(267.6, abs=0.1)
    assert (intensity.level, intensity.year) == ("country", 2023)
    assert "codecarbon" in intensity.source
    assert intensity.grams(3.6e6) == pytest.approx(intensity.g_per_kwh)


def test_another_year_than_the_one_there_is_is_refused() -> None:
    intensity = country_intensity("NLD", year=2023)
    assert intensity == country_intensity("NLD")
    with pytest.raises(BadInput, match="year: of Netherlands there is the carbon intensity of 2023, and none of 2030"):
        country_intensity("NLD", year=2030)


def test_every_country_that_is_offered_has_an_intensity() -> None:
    offered = countries()
    assert list(offered.values()) == sorted(offered.values())
    assert offered["NLD"] == "Netherlands"
    for code in offered:
        intensity = country_intensity(code)
        assert intensity is not None and intensity.country == code and intensity.year > 2000


def test_no_country_is_no_intensity() -> None:
    assert country_intensity(None) is None


def test_an_unknown_country_is_refused_not_averaged() -> None:
    with pytest.raises(BadInput, match="XXX"):
        country_intensity("XXX")


@pytest.mark.parametrize("country", ["NLD", None])
def test_codecarbon_agrees_with_us_offline(country: str | None, size: int, offline: list[str]) -> None:
    meter = EnergyMeter([CpuTime(4.0)], constants_origin="a test", codecarbon=Codecarbon(country))
    meter.warm_up()
    with meter.window("train") as opened:
        # Two seconds or so of CPU time: codecarbon reads it in ticks of 10 ms, and counts what its own looks at the
        # machine take. With the interpreter's lock free, as in training: its thread would wait for the lock between
        # asking for time and for CPU time.
        hashlib.pbkdf2_hmac("sha256", b"", b"", 500_000 * size)
    check = opened.closed.codecarbon
    assert offline == []
    assert check is not None, opened.closed.notes
    assert check["version"].startswith("3.3.")
    if check["mode"] != "cpu_load":
        pytest.skip("this machine has a counter that codecarbon reads")
    assert check["w_per_core"] == pytest.approx(check["tdp_w"] / psutil.cpu_count())
    assert check["energy_j"] == pytest.approx(check["w_per_core"] * opened.closed.cpu_s, rel=0.05)


def test_its_emissions_follow_from_the_intensity_that_we_read() -> None:
    codecarbon, intensity = Codecarbon("POL"), country_intensity("POL")
    codecarbon.warm_up()
    codecarbon._tracker.start_task("work")
    work(10)
    task = codecarbon._tracker.stop_task("work")
    assert intensity is not None
    assert 1000 * task.emissions / task.energy_consumed == pytest.approx(intensity.g_per_kwh)


def test_the_private_attributes_that_tell_its_mode_are_there() -> None:
    """A contract test: an upgrade of codecarbon that moves them must be seen."""
    codecarbon = Codecarbon("NLD")
    codecarbon.warm_up()
    mode, tdp_w = processor_mode(codecarbon._tracker)
    assert mode in {"cpu_load", "constant", "intel_rapl", "windows_emi", "intel_power_gadget"}
    assert tdp_w is None or tdp_w > 0
    assert codecarbon._tracker._conf["hardware"]


def test_a_users_configuration_does_not_change_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "[codecarbon]",
        "force_cpu_power = 500",
        "tracking_mode = machine",
        "pue = 3",
        "co2_signal_api_token = abc",
    ]
    (tmp_path / ".codecarbon.config").write_text("\n".join(lines))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODECARBON_PUE", "4")
    monkeypatch.chdir(tmp_path)
    codecarbon = Codecarbon("NLD")
    codecarbon.warm_up()
    tracker = codecarbon._tracker
    assert tracker._external_conf["force_cpu_power"] == "500"  # the file was seen
    assert (tracker._force_cpu_power, tracker._tracking_mode, tracker._pue) == (None, "process", 1.0)
    assert not tracker._electricitymaps_api_token
    assert not list(tmp_path.glob("*.csv"))


def test_windows_inside_a_window_go_without() -> None:
    meter = EnergyMeter([CpuTime(4.0)], constants_origin="a test", codecarbon=Codecarbon("NLD"))
    with meter.window("outer") as outer, meter.window("inner") as inner:
        work(1)
    assert inner.closed.codecarbon is None
    assert "enclosing" in inner.closed.notes["codecarbon"]
    assert outer.closed.codecarbon is not None


def test_a_codecarbon_that_fails_is_noted_and_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**options: Any) -> Any:
        raise FileNotFoundError("no such sensor")

    monkeypatch.setattr("codecarbon.OfflineEmissionsTracker", broken)
    meter = EnergyMeter([CpuTime(4.0)], constants_origin="a test", codecarbon=Codecarbon("NLD"))
    with meter.window("train") as opened:
        work(1)
    assert opened.closed.status == "ok"
    assert opened.closed.codecarbon is None
    assert "no such sensor" in opened.closed.notes["codecarbon"]


def test_a_codecarbon_that_fails_midway_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    codecarbon = Codecarbon("NLD")
    meter = EnergyMeter([CpuTime(4.0)], constants_origin="a test", codecarbon=codecarbon)
    with meter.window("train") as opened:
        monkeypatch.setattr(codecarbon._tracker, "_hardware", None)
        work(1)
    assert opened.closed.codecarbon is None
    assert "codecarbon failed" in opened.closed.notes["codecarbon"]
    with meter.window("again") as again:
        work(1)
    assert again.closed.status == "ok"
