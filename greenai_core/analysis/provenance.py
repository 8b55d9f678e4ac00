"""Where an energy figure of a stored run comes from: everything that its record says, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from greenai_core import units, wording
from greenai_core.analysis.figures import FIGURES, sign
from greenai_core.analysis.recost import batched
from greenai_core.record import Record, with_teachers

Quantity = Literal["training", "inference"]
Facts = list[tuple[str, str]]
Section = tuple[str, Facts]
Windows = Sequence[Mapping[str, Any]]

COMPONENTS = {"cpu": "Processor", "gpu": "Graphics card", "ram": "Memory"}
SCOPES = {
    "process_tree": "the run's own processes alone",
    "cpu_package": "the whole processor",
    "gpu_device": "the whole graphics card",
}
SOURCES = {
    "cputime": "processor time x assumed watts per core",
    "rapl": "the processor's energy counters (RAPL)",
    "nvml": "the graphics card's energy counter (NVML)",
}
"""What the ids of sources mean, by their first word."""

NOT_STORED = "not stored"
COMPARABLE = {
    "training": "same processor, cores, source, constants, threads and device",
    "inference": "same processor, cores, source, constants, threads, runtime and batch size",
}
"""What is equal in two records with the same key."""

COLUMNS: dict[Quantity, str] = {"training": "energy_train_j", "inference": "energy_per_sample_j"}
"""The figure of a record that is meant."""


def provenance(record: Record, quantity: Quantity) -> list[Section]:
    """Return all that a record holds on how its energy of training or of inference was obtained.

    Returns:
        Sections in order, each a heading and its (name, text) pairs; what an old record does not hold is said to be so.
    """
    measured = record.measurements[-1] if record.measurements else None
    if quantity == "training":
        parts = {part.key: part for part in with_teachers(record.stages)}.values()
        windows: Windows = [part.window for part in parts]
        machine, flags = record.environment, [flag for window in windows for flag in window.get("quality", ())]
    else:
        windows = batched(measured, measured.throughput_batch) if measured else []
        machine, flags = (measured.environment, list(measured.quality)) if measured else (record.environment, [])
    return [
        ("Figure", _figure(record, quantity)),
        ("Sources", _sources(windows)),
        ("What was counted", [*_counted(windows), *_watching(record, windows, quantity)]),
        ("How sure", [*_certainty(record, windows, quantity), *_doubts(flags)]),
        ("Second opinion", _second_opinion(windows)),
        ("Carbon", _carbon(record, quantity)),
        ("Machine", _machine(record, machine, quantity)),
        ("Comparable with", _comparable(record, quantity)),
    ]


def _figure(record: Record, quantity: Quantity) -> Facts:
    figure = FIGURES[COLUMNS[quantity]]
    value, kind = getattr(record, figure.column), getattr(record, figure.kind_column or "")
    reason = record.notes.get(figure.column, NOT_STORED)
    return [
        (figure.title, f"{figure.text(value)}, {figure.help}" if value is not None else f"unknown: {reason}"),
        ("Obtained", f"{sign(kind)}: {wording.KINDS[kind]}" if kind and value is not None else reason),
    ]


def _sources(windows: Windows) -> Facts:
    """One line per component and source, then the constants with who chose them."""
    parts = [part for window in windows for part in window.get("components", {}).items()]
    lines = [(COMPONENTS.get(component, component), _source(part)) for component, part in parts]
    configs = [window.get("config", {}) for window in windows]
    constants = [
        ("Watts per busy core", f"{config['w_per_core']:g} W: {config.get('constants_origin', NOT_STORED)}")
        for config in configs
        if "w_per_core" in config
    ]
    return list(dict.fromkeys([*lines, *constants])) or [("Sources", NOT_STORED)]


def _source(part: Mapping[str, Any]) -> str:
    meaning = SOURCES.get(part["source"].partition(":")[0])
    what = f"{meaning} ({part['source']})" if meaning else part["source"]
    return f"{sign(part['kind'])}, {what}, of {SCOPES.get(part['scope'], part['scope'])}"


def _counted(windows: Windows) -> Facts:
    return [
        ("Gross energy", _sum(windows, "gross_j", units.ENERGY)),
        ("Idle machine", _idle(windows)),
        ("Net energy", _sum(windows, "net_j", units.ENERGY)),
        ("Duration", _sum(windows, "wall_s", units.SECONDS)),
        ("Own processor time", _sum(windows, "cpu_s", units.SECONDS)),
        ("Processor time of others", _sum(windows, "foreign_cpu_s", units.SECONDS)),
        ("Withheld by the host (steal)", _sum(windows, "steal_s", units.SECONDS)),
    ]


def _watching(record: Record, windows: Windows, quantity: Quantity) -> Facts:
    """Say what lies between the windows and the figure: looking at the validation accuracy is no part of making it."""
    net = [window.get("net_j") for window in windows]
    if quantity == "inference" or record.energy_train_j is None or not net or None in net:
        return []
    earlier = [part.resumed for part in with_teachers(record.stages) if part.resumed]
    taken_j = sum(part["energy_j"] or 0.0 for part in earlier)
    aside = sum(joules for joules in net if joules is not None) + taken_j - record.energy_train_j
    taken = [("Taken over from earlier attempts", units.ENERGY.text(taken_j))] if earlier else []
    words = "watching the validation accuracy" + (", keeping progress, and what was done again" if earlier else "")
    return [*taken, ("Left out of the figure", f"{units.ENERGY.text(max(0.0, aside))}, {words}")]


def _idle(windows: Windows) -> str:
    """Say what the idle machine took; CPU time holds no idle part, so there it is no gap in what is known."""
    if _scopes(windows) == {"process_tree"}:
        return "none to subtract: processor time holds no idle part"
    if not windows or any(window.get("idle_j") is None for window in windows):
        return wording.FLAGS["no_idle"]
    ages = [window["idle_age_s"] for window in windows if window.get("idle_age_s") is not None]
    age = f", measured up to {units.SECONDS.text(max(ages))} before" if ages else ""
    watts = sorted({f"{units.significant(window['idle_w'])} W" for window in windows if window.get("idle_w")})
    return f"{_sum(windows, 'idle_j', units.ENERGY)} subtracted, at {' and '.join(watts) or '0 W'}{age}"


def _certainty(record: Record, windows: Windows, quantity: Quantity) -> Facts:
    facts = [("Windows", _repeats(windows, quantity))]
    if quantity == "inference":
        facts.append(("95 % interval", _interval(record)))
    return [*facts, ("Alone on the machine", _alone(windows))]


def _alone(windows: Windows) -> str:
    """Say whether the measuring lease was held; who counts only its own processes needs none."""
    if windows and all(window.get("exclusive") for window in windows):
        return "yes: no other run was measured meanwhile"
    if _scopes(windows) == {"process_tree"}:
        return "not needed: only the run's own processes are counted"
    if not windows or any("exclusive" not in window for window in windows):
        return NOT_STORED
    held = sum(window["exclusive"] for window in windows)
    return "; ".join([f"in {held} of {wording.number(len(windows), 'window')}", *_notes(windows, "exclusive")])


def _repeats(windows: Windows, quantity: Quantity) -> str:
    if not windows:
        return NOT_STORED
    if quantity == "training":
        return f"{len(windows)}, one per stage; training is not repeated, other seeds are other runs"
    samples = sum(window.get("units") or 0 for window in windows)
    return f"{wording.number(len(windows), 'repeat')}, {samples:,.0f} predictions in all"


def _interval(record: Record) -> str:
    half = record.measurements[-1].energy_per_sample_ci95_j if record.measurements else None
    value = record.energy_per_sample_j
    if half is None or not value:
        return "unknown: it takes two repeats"
    return f"± {units.ENERGY.text(half)} ({half / value:.1%} of the mean)".replace("%", " %")


def _doubts(flags: Sequence[str]) -> Facts:
    return [("Reason to doubt", wording.doubt(flag)) for flag in dict.fromkeys(flags)] or [("Reasons to doubt", "none")]


def _second_opinion(windows: Windows) -> Facts:
    """Set codecarbon's joules of the processor beside ours of the same windows."""
    asked = [window for window in windows if window.get("codecarbon")]
    if not asked:
        return [("codecarbon", f"none: {'; '.join(_notes(windows, 'codecarbon')) or NOT_STORED}")]
    checks = [window["codecarbon"] for window in asked]
    ours = [window.get("components", {}).get("cpu", {}).get("gross_j") for window in asked]
    theirs = sum(check["energy_j"] for check in checks)
    part = "" if len(asked) == len(windows) else f", in {len(asked)} of {len(windows)} windows"
    known = [joules for joules in ours if joules is not None]
    ratio = f"{theirs / sum(known):.2f}" if len(known) == len(ours) and sum(known) > 0 else units.UNKNOWN
    return [
        ("codecarbon", _distinct(f"{check['version']}, mode {check['mode'] or units.UNKNOWN}" for check in checks)),
        ("Its joules of the processor", f"{units.ENERGY.text(theirs)}{part}"),
        ("Its joules over ours, gross", ratio),
        ("Why they differ", _distinct(_why_different(window) for window in asked)),
    ]


def _why_different(window: Mapping[str, Any]) -> str:
    check = window["codecarbon"]
    if check["mode"] != "cpu_load":
        return wording.CODECARBON.get(check["mode"], "it does not say how it knows")
    theirs, ours = check.get("w_per_core"), window.get("config", {}).get("w_per_core")
    share = (
        f"it assumes {check['tdp_w']:g} W for the whole processor, which is {theirs:g} W per core, " if theirs else ""
    )
    if ours is None or not theirs:
        return f"{share}shared out by the run's part of its time; ours is not an estimate by processor time"
    expected = f"ours assumes {ours:g} W, so that a ratio of {theirs / ours:.2f} is meant to be"
    return f"{share}times the run's part of its time; {expected}"


def _carbon(record: Record, quantity: Quantity) -> Facts:
    grid = record.carbon_intensity
    if grid is None:
        return [("Carbon intensity", f"unknown: {record.notes.get('carbon_intensity', NOT_STORED)}")]
    where = f"{grid.get('level')} {grid.get('country') or ''}".strip()
    facts = [
        ("Carbon intensity", f"{grid['g_per_kwh']:g} g CO2e per kWh"),
        ("Of", f"{where}, {grid.get('year')}, from {grid.get('source')}"),
    ]
    if quantity == "training":
        facts.insert(0, ("Training carbon", units.CARBON.text(record.carbon_train_g)))
    return facts


def _machine(record: Record, machine: Mapping[str, Any], quantity: Quantity) -> Facts:
    virtual = machine.get("virtual_machine")
    libraries = machine.get("libraries", {})
    versions = [f"Python {machine['python']}"] if "python" in machine else []
    versions += [f"{name} {number}" for name, number in libraries.items()]
    facts = [
        ("Processor", str(machine.get("cpu_model") or machine.get("processor_family") or units.UNKNOWN)),
        ("Cores", f"{machine.get('cores', units.UNKNOWN)}, of which {machine.get('cores_usable', '?')} could be used"),
        ("Virtual machine", units.UNKNOWN if virtual is None else "yes" if virtual else "no"),
        ("System", str(machine.get("os", NOT_STORED))),
        ("Threads", str(_threads(record, quantity))),
    ]
    if quantity == "inference" and record.measurements:
        facts.append(("Runtime", record.measurements[-1].runtime))
    return [*facts, ("Versions", ", ".join(versions) or NOT_STORED)]


def _threads(record: Record, quantity: Quantity) -> object:
    if quantity == "inference":
        return record.measurements[-1].threads if record.measurements else NOT_STORED
    return record.provenance.get("threads", NOT_STORED)


def _comparable(record: Record, quantity: Quantity) -> Facts:
    key = getattr(record.comparability, quantity, None)
    if key is None:
        return [("Key", f"none: it compares with no other run ({record.notes.get(COLUMNS[quantity], NOT_STORED)})")]
    return [("Key", key), ("Shared by", f"figures of the same kind with the {COMPARABLE[quantity]}")]


def _sum(windows: Windows, name: str, quantity: units.Quantity) -> str:
    """Write the sum over all windows; unknown, with the reason, where one of them does not know."""
    values = [window.get(name) for window in windows]
    known = [value for value in values if value is not None]
    if values and len(known) == len(values):
        return quantity.text(sum(known))
    return f"unknown: {'; '.join(_notes(windows, name)) or NOT_STORED}"


def _scopes(windows: Windows) -> set[str]:
    return {part["scope"] for window in windows for part in window.get("components", {}).values()}


def _notes(windows: Windows, name: str) -> list[str]:
    """Return the reasons that windows note under a name, each once."""
    return list(dict.fromkeys(window["notes"][name] for window in windows if name in window.get("notes", {})))


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts))
