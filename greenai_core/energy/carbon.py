"""Carbon intensity from codecarbon's country data, and codecarbon itself as a second opinion on our joules.

codecarbon's figures depend on how it is called. This module holds the one way that was found to be right (3.3.2):
the offline tracker (the online one asks four servers where it is and, unanswered, assumes Quebec), every argument
given (else a user's ``~/.codecarbon.config`` changes them), tasks only (after ``start()`` some energy is counted
twice), one tracker per process, and one task before the first real one, as the first pays for 1-3 s of hardware
detection.

Source: https://github.com/mlco2/codecarbon
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Literal

from greenai_core.errors import BadInput

JOULES_PER_KWH = 3.6e6

NO_COUNTRY = (
    "GREENAI_COUNTRY is not set, and carbon is not guessed: set it to the three-letter code of the grid's country."
)


@dataclass(frozen=True)
class Intensity:
    """Grams of CO2 equivalent per kWh of a grid, and how that is known.

    `level` is "country" for the mean of a country and year, and "stated" where a person gave the number; such a one
    need not name a country or a year.
    """

    g_per_kwh: float
    country: str | None
    level: Literal["country", "stated"]
    year: int | None
    source: str

    def grams(self, energy_j: float) -> float:
        """Return the grams of CO2 equivalent of so many joules."""
        return energy_j / JOULES_PER_KWH * self.g_per_kwh

    def as_json(self) -> dict[str, Any]:
        """Return the fields for a record's `carbon_intensity`."""
        return asdict(self)


def country_intensity(
    country: str | None, *, year: int | None = None, field: str = "GREENAI_COUNTRY"
) -> Intensity | None:
    """Return the yearly mean of a country's grid, or None if no country is given (`NO_COUNTRY` says it).

    Args:
        country: ISO 3166 alpha-3 code.
        year: of the mean; None: the one year that codecarbon has for the country.
        field: who asks, for the sentence of a refusal.

    Raises:
        BadInput: codecarbon has no data for that code; its own answer would be the world's average, unsaid. Or it has
            another year for it.
    """
    if country is None:
        return None
    mixes = _country_mixes()
    if country not in mixes:
        raise BadInput(
            f"{field}: there is no carbon intensity for {country!r}; use the ISO 3166 alpha-3 code of one of "
            f"{len(mixes)} countries, such as NLD, DEU, FRA or USA, or leave it unset."
        )
    mix = mixes[country]
    if year is not None and year != mix["year"]:
        raise BadInput(
            f"year: of {mix['country_name']} there is the carbon intensity of {mix['year']}, and none of {year}; leave "
            "the year out, or give g_per_kwh and its source instead of the country."
        )
    source = f"codecarbon {version('codecarbon')}, global_energy_mix.json"
    return Intensity(mix["carbon_intensity"], country, "country", mix["year"], source)


def countries() -> dict[str, str]:
    """Return the countries that have a carbon intensity: their names by ISO 3166 alpha-3 code, sorted by name."""
    named = {code: str(mix["country_name"]) for code, mix in _country_mixes().items()}
    return dict(sorted(named.items(), key=lambda item: item[1]))


@cache
def _country_mixes() -> dict[str, dict[str, Any]]:
    _import_quietly()
    return json.loads((files("codecarbon") / "data/private_infra/global_energy_mix.json").read_text(encoding="utf-8"))


def _import_quietly() -> Any:
    """Import codecarbon; its first lines are logged before its own log level applies, unless this variable is set."""
    os.environ["CODECARBON_LOG_LEVEL"] = "error"
    import codecarbon

    return codecarbon


@dataclass(frozen=True)
class CrossCheck:
    """What codecarbon says of the same window. `energy_j` is of the processor; its constant for memory is left out.

    `mode` is codecarbon's name for how it knows (cpu_load: a share of an assumed `tdp_w`, spread over the cores;
    intel_rapl: a counter of the whole package), `w_per_core` what one busy core is to it in mode cpu_load.
    """

    version: str
    mode: str | None
    tdp_w: float | None
    w_per_core: float | None
    energy_j: float
    gpu_energy_j: float
    ram_energy_j: float
    duration_s: float


class Codecarbon:
    """The one codecarbon tracker of a process. Nothing it does can fail a run: `reason` says why it has no answer.

    Tasks of codecarbon do not nest, so only one window at a time can have its opinion.
    """

    def __init__(self, country: str | None) -> None:
        self._country = country
        self._tracker: Any = None
        self._busy = False
        self.reason: str | None = None

    def warm_up(self) -> None:
        """Pay for the detection of hardware now; does nothing after the first call."""
        if self._tracker is not None or self.reason is not None:
            return
        try:
            self._tracker = self._make_tracker()
            self._tracker.start_task("warm-up")
            self._tracker.stop_task("warm-up")
        except Exception as error:
            self._give_up(error)

    def start(self, label: str) -> bool:
        """Open a task; False if another one is open, or if codecarbon does not work here."""
        self.warm_up()
        if self._busy or self._tracker is None:
            return False
        try:
            self._tracker.start_task(label)
        except Exception as error:
            self._give_up(error)
            return False
        self._busy = True
        return True

    def stop(self) -> CrossCheck | None:
        """Close the open task and return its figures; None if they could not be had (`reason`)."""
        self._busy = False
        try:
            return self._read(self._tracker.stop_task())
        except Exception as error:
            self._give_up(error)
            return None

    def _give_up(self, error: Exception) -> None:
        self._tracker = None
        self.reason = f"codecarbon failed: {type(error).__name__}: {error}"

    def _make_tracker(self) -> Any:
        return _import_quietly().OfflineEmissionsTracker(
            country_iso_code=self._country,
            region=None,
            cloud_provider=None,
            cloud_region=None,
            country_2letter_iso_code=None,
            project_name="greenai",
            measure_power_secs=3600,
            api_call_interval=-1,
            api_endpoint=None,
            api_key=None,
            output_dir=".",
            output_file="unused.csv",
            output_methods=[],
            logging_logger=None,
            prometheus_url=None,
            output_handlers=[],
            gpu_ids=None,
            emissions_endpoint=None,
            experiment_id=None,
            experiment_name=None,
            electricitymaps_api_token="",  # None would let an older name in the user's file take its place
            tracking_mode="process",
            log_level="error",
            on_csv_write="append",
            logger_preamble="",
            force_cpu_power=None,
            force_ram_power=None,
            pue=1.0,
            wue=0.0,
            force_carbon_intensity_g_co2e_kwh=None,
            force_mode_cpu_load=False,
            allow_multiple_runs=True,
            rapl_include_dram=False,
            rapl_prefer_psys=False,
            metadata=None,
        )

    def _read(self, task: Any) -> CrossCheck:
        import psutil

        mode, tdp_w = processor_mode(self._tracker)
        return CrossCheck(
            version=version("codecarbon"),
            mode=mode,
            tdp_w=tdp_w,
            w_per_core=tdp_w / (psutil.cpu_count() or 1) if mode == "cpu_load" and tdp_w else None,
            energy_j=task.cpu_energy * JOULES_PER_KWH,
            gpu_energy_j=task.gpu_energy * JOULES_PER_KWH,
            ram_energy_j=task.ram_energy * JOULES_PER_KWH,
            duration_s=task.duration,
        )


def processor_mode(tracker: Any) -> tuple[str | None, float | None]:
    """Return how a tracker knows the processor's energy, and the watts it assumes.

    Its public results do not tell an estimate from a measurement; only these private attributes do. A contract test
    watches them, since an upgrade may move them.
    """
    for hardware in tracker._hardware:
        if type(hardware).__name__ == "CPU":
            return hardware._mode, hardware._tdp
    return None, None
