"""What a stored run would come to under other assumptions, without running it again.

Only what was assumed can be assumed anew: the watts of a busy core, for joules that were estimated from CPU time; what
the building takes beside the computer (PUE); and the grid. Measured joules stay what the counter said.

A figure under other assumptions has lost its comparability keys: it compares with figures that were recosted under the
same assumptions, and with no stored one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from greenai_core import units
from greenai_core.analysis.figures import sign
from greenai_core.energy.carbon import Intensity, countries, country_intensity
from greenai_core.errors import BadInput
from greenai_core.record import EnergyKind, InferenceMeasurement, Record, least_sure, with_teachers
from greenai_core.units import Quantity

MANY = 1_000_000
"""Predictions whose carbon is told: that of one is too small a number to be grasped."""

NO_GRID = "no grid was named, and carbon is not guessed: choose a country, or give g_per_kwh and its source"
NOT_KEPT = "the record does not say which of its joules were estimated from CPU time, and with how many watts per core"
ALONE = "These figures compare with others under the same assumptions, and with no stored one."

CPU_TIME = "cputime"
"""Id of the source whose joules are proportional to the watts per core."""


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What is assumed instead of what was assumed when the run was measured.

    Attributes:
        country: ISO 3166 alpha-3 code of the grid; its yearly mean applies.
        g_per_kwh: grams of CO2 equivalent per kWh, instead of a country's.
        year: what `g_per_kwh` refers to, or which year of the country is meant.
        source: who says `g_per_kwh`.
        pue: power usage effectiveness, energy at the wall of the data centre over energy of its computers.
        w_per_core: watts of one busy core, for joules estimated from CPU time; None: as when the run was measured.

    Raises:
        BadInput: a field is out of its bounds, or two contradict each other.
    """

    country: str | None = None
    g_per_kwh: float | None = None
    year: int | None = None
    source: str | None = None
    pue: float = 1.0
    w_per_core: float | None = None

    def __post_init__(self) -> None:
        """Check the fields, alone and together."""
        if not (math.isfinite(self.pue) and self.pue >= 1):
            raise BadInput(f"pue: must be at least 1, what the computers themselves take; got {self.pue:g}.")
        if self.w_per_core is not None and not (math.isfinite(self.w_per_core) and self.w_per_core > 0):
            raise BadInput(f"w_per_core: must be more than 0 W; got {self.w_per_core:g}.")
        if self.g_per_kwh is None:
            if self.source is not None:
                raise BadInput("source: says where g_per_kwh is from; give g_per_kwh as well, or leave it out.")
            if self.year is not None and self.country is None:
                raise BadInput("year: nothing depends on it; give a country, or g_per_kwh and its source, as well.")
            return
        if self.country is not None:
            raise BadInput("g_per_kwh: a country gives one already; leave out one of the two.")
        if not (math.isfinite(self.g_per_kwh) and self.g_per_kwh >= 0):
            raise BadInput(f"g_per_kwh: must be 0 or more; got {self.g_per_kwh:g}.")
        if not (self.source or "").strip():
            raise BadInput("source: say in a few words who says g_per_kwh, so that the figure can be judged.")

    def intensity(self) -> Intensity | None:
        """Return the grid that is assumed, or None where none is.

        Raises:
            BadInput: there are no data for that country, or for that year of it.
        """
        if self.g_per_kwh is not None:
            return Intensity(self.g_per_kwh, None, "stated", self.year, self.source or "")
        return country_intensity(self.country, year=self.year, field="country")


@dataclass(frozen=True, kw_only=True)
class Recosted:
    """Energy and carbon of a stored run under other assumptions; None is unknown, `notes` says why, by field.

    Attributes:
        run_id: of the record.
        energy_train_j: what the computer takes to make the model from nothing.
        energy_train_kind: how sure that is; of everything that follows from it as well.
        facility_train_j: the same at the wall of the data centre.
        carbon_train_g: grams of CO2 equivalent of `facility_train_j`.
        energy_per_sample_j: what the computer takes per prediction, in batches.
        energy_inference_kind: how sure that is; of everything that follows from it as well.
        facility_per_sample_j: the same at the wall of the data centre.
        carbon_per_million_g: grams of CO2 equivalent of a million predictions, at the wall of the data centre.
        carbon_intensity: of the assumed grid, as in a record.
        assumed: what was assumed, and what it could not be applied to, in sentences.
        notes: why a field is None, by field.
    """

    run_id: str
    energy_train_j: float | None
    energy_train_kind: EnergyKind | None
    facility_train_j: float | None
    carbon_train_g: float | None
    energy_per_sample_j: float | None
    energy_inference_kind: EnergyKind | None
    facility_per_sample_j: float | None
    carbon_per_million_g: float | None
    carbon_intensity: dict[str, Any] | None
    assumed: tuple[str, ...]
    notes: dict[str, str]

    def rows(self) -> list[dict[str, str]]:
        """Return one row per figure, as text: what it is, its value, and how it was obtained or why it is unknown."""
        kinds = {"train": self.energy_train_kind, "predict": self.energy_inference_kind}
        return [
            {
                "figure": title,
                "value": quantity.text(getattr(self, name)),
                "how": self.notes.get(name) or sign(kinds[whose]),
            }
            for name, title, quantity, whose in _ROWS
        ]


@dataclass(frozen=True)
class _Joules:
    """Joules with how sure they are; unknown ones with the reason. `estimated`: a part follows from CPU time."""

    value: float | None
    kind: EnergyKind | None
    reason: str = ""
    estimated: bool = False

    def times(self, factor: float) -> float | None:
        return None if self.value is None else self.value * factor


_Part = tuple[float | None, float, Mapping[str, Any]]
"""Joules, the CPU-seconds behind them, and the energy window that they are from."""


def recost(record: Record, assumptions: Assumptions) -> Recosted:
    """Work out what a stored run would come to under other assumptions.

    Raises:
        BadInput: there are no data for the assumed country, or for that year of it.
    """
    grid, pue = assumptions.intensity(), assumptions.pue
    train, predict = _training(record, assumptions.w_per_core), _prediction(record, assumptions.w_per_core)
    whose = {"train": train, "predict": predict}
    reasons = {name: whose[part].reason for name, _, _, part in _ROWS if whose[part].value is None}
    no_grid = {} if grid else dict.fromkeys(("carbon_train_g", "carbon_per_million_g"), NO_GRID)
    return Recosted(
        run_id=record.run_id,
        energy_train_j=train.value,
        energy_train_kind=train.kind,
        facility_train_j=train.times(pue),
        carbon_train_g=_grams(grid, train.times(pue)),
        energy_per_sample_j=predict.value,
        energy_inference_kind=predict.kind,
        facility_per_sample_j=predict.times(pue),
        carbon_per_million_g=_grams(grid, predict.times(pue * MANY)),
        carbon_intensity=grid.as_json() if grid else None,
        assumed=(*_watts(record, assumptions, train, predict), _building(pue), _grid(grid), ALONE),
        notes={**no_grid, **reasons},
    )


def watts_assumed(record: Record) -> float | None:
    """Return the watts per core that joules of a record were estimated with; None where none were, or with several."""
    windows = [window for _, _, window in (*_trained(record), *_predicted(record)) if _estimates(window)]
    found = {window.get("config", {}).get("w_per_core") for window in windows}
    return found.pop() if len(found) == 1 else None


def _training(record: Record, w_per_core: float | None) -> _Joules:
    parts = _trained(record)
    kind = least_sure([record.energy_train_kind, *(window.get("kind") for _, _, window in parts)])
    if record.energy_train_j is None:
        return _Joules(None, kind, record.notes.get("energy_train_j", "not stored"))
    return _assumed_anew(record.energy_train_j, kind, parts, w_per_core, share=1.0)


def _prediction(record: Record, w_per_core: float | None) -> _Joules:
    parts = _predicted(record)
    kind = least_sure([record.energy_inference_kind, *(window.get("kind") for _, _, window in parts)])
    if record.energy_per_sample_j is None:
        return _Joules(None, kind, record.notes.get("energy_per_sample_j", "not stored"))
    return _assumed_anew(record.energy_per_sample_j, kind, parts, w_per_core, share=1 / max(1, len(parts)))


def _assumed_anew(
    joules: float, kind: EnergyKind | None, parts: Sequence[_Part], w_per_core: float | None, *, share: float
) -> _Joules:
    """Return `joules`, to which each part contributes its own times `share`, at so many watts per core."""
    estimated = any(_estimates(window) for _, _, window in parts)
    if w_per_core is None:
        return _Joules(joules, kind, estimated=estimated)
    changes = [_change(*part, w_per_core) for part in parts]
    known = [change for change in changes if change is not None]
    if not parts or len(known) < len(changes):
        return _Joules(None, kind, NOT_KEPT)
    return _Joules(joules + share * sum(known), kind, estimated=estimated)


def _change(joules: float | None, cpu_s: float, window: Mapping[str, Any], w_per_core: float) -> float | None:
    """Return by how much the joules of a part change; None where its window does not say what was estimated."""
    sources = _sources(window)
    if not sources or joules is None:
        return None
    if not _estimates(window):
        return 0.0
    before = window.get("config", {}).get("w_per_core")
    if before is None:
        return None
    estimated = joules if set(sources) == {CPU_TIME} else cpu_s * before
    return float(estimated * (w_per_core / before - 1))


def _trained(record: Record) -> list[_Part]:
    """Return each stage, and each stage of a teacher, once."""
    parts = {part.key: part for part in with_teachers(record.stages)}.values()
    return [(part.energy_j, part.cpu_s, part.window) for part in parts]


def _predicted(record: Record) -> list[_Part]:
    """Return, per prediction, the windows whose mean is `energy_per_sample_j`."""
    if not record.measurements:
        return []
    windows = batched(record.measurements[-1], record.measurements[-1].throughput_batch)
    return [(window["j_per_unit"], window["cpu_s"] / window["units"], window) for window in windows]


def batched(measurement: InferenceMeasurement, batch: int) -> list[dict[str, Any]]:
    """Return the energy windows of a measurement at one batch size."""
    return [window for window in measurement.windows if window.get("label") == f"batch {batch}"]


def _sources(window: Mapping[str, Any]) -> list[str]:
    return [part["source"] for part in window.get("components", {}).values()]


def _estimates(window: Mapping[str, Any]) -> bool:
    return CPU_TIME in _sources(window)


def _grams(grid: Intensity | None, joules: float | None) -> float | None:
    return None if grid is None or joules is None else grid.grams(joules)


def _watts(record: Record, assumptions: Assumptions, train: _Joules, predict: _Joules) -> list[str]:
    """Say which joules the watts per core apply to, and which they cannot change."""
    known = {"training": train, "predictions": predict}
    estimated = [name for name, joules in known.items() if joules.value is not None and joules.estimated]
    counted = [name for name, joules in known.items() if joules.value is not None and not joules.estimated]
    before, after = watts_assumed(record), assumptions.w_per_core
    said = []
    if estimated and after is not None:
        instead = f" instead of {before:g} W" if before is not None else ""
        whose = " and ".join(estimated)
        said.append(f"{after:g} W per busy core{instead}, for the joules of {whose}, estimated from CPU time.")
    elif estimated and before is not None:
        said.append(f"{before:g} W per busy core, as when the run was measured.")
    if counted and after is not None:
        said.append(
            f"The joules of {' and '.join(counted)} were read from counters: watts per core do not change them."
        )
    return said


def _building(pue: float) -> str:
    if pue == 1:
        return "PUE 1: nothing is added for cooling and supply, so that computer and data centre take the same."
    return f"PUE {pue:g}: at its wall the data centre takes {pue:g} J for each joule of the computer."


def _grid(grid: Intensity | None) -> str:
    if grid is None:
        return f"{NO_GRID[0].upper()}{NO_GRID[1:]}."
    year = f" in {grid.year}" if grid.year else ""
    if grid.level == "stated":
        return f"{grid.g_per_kwh:g} g CO2e per kWh{year}, stated by: {grid.source}."
    return f"{grid.g_per_kwh:g} g CO2e per kWh, {countries()[grid.country or '']}, mean of {grid.year} ({grid.source})."


_ROWS: tuple[tuple[str, str, Quantity, Literal["train", "predict"]], ...] = (
    ("energy_train_j", "Training, the computer", units.ENERGY, "train"),
    ("facility_train_j", "Training, at the wall of the data centre", units.ENERGY, "train"),
    ("carbon_train_g", "Training, carbon", units.CARBON, "train"),
    ("energy_per_sample_j", "One prediction, the computer", units.ENERGY, "predict"),
    ("facility_per_sample_j", "One prediction, at the wall of the data centre", units.ENERGY, "predict"),
    ("carbon_per_million_g", "A million predictions, carbon", units.CARBON, "predict"),
)
"""Every figure: its field, its title, its quantity and whose kind is its own."""
