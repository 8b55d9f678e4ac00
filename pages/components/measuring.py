"""How energy is measured, in plain words, and what this machine can tell."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st

from greenai_core import units
from greenai_core.analysis.figures import SIGNS
from greenai_core.analysis.provenance import COMPARABLE, COMPONENTS, SCOPES
from greenai_core.energy import idle
from greenai_core.energy.meter import EnergyMeter
from greenai_core.energy.sources._base import PowerSource
from greenai_core.settings import settings
from greenai_core.wording import KINDS
from pages.components import badge, refusal

JOULE = """
**A joule here** is energy that the processor (or graphics card) took for the work itself: for making a model from
nothing, or for one prediction. Not counted: memory, display, disk and network, watching the validation accuracy,
evaluation, export and the measuring itself.
"""

NOT_POWER_TIMES_TIME = """
**Why not power times time?** A virtual machine or a shared computer hides what it takes, and a run beside busy
neighbours lasts longer without doing more: it would be charged for waiting. Processor time counts only what the run
itself did. In joules it is a convention, as a ranking it holds.

**The idle machine** takes power too. A counter sees it, so its idle power is measured once, with nobody at work, and
subtracted: what is left is what the work added. Processor time holds no idle part. Where the idle power is not known,
nothing is subtracted, and the figure is flagged no_idle.
"""

COMPARING = f"""
**What may be compared.** Runs are ranked by energy only where how they were measured was equal: for training
{COMPARABLE["training"]}; for predictions {COMPARABLE["inference"]}. Such runs share a comparability key. And a
measured joule is never ranked against an estimated one.

**Beside joules** stand processor seconds, multiply-accumulates (MACs) and bytes. They say less of the electricity bill.
But processor seconds do not mind busy neighbours and rank much alike on similar machines, and MACs and bytes are the
same on every machine: a ranking by them survives a change of machine.
"""


def section() -> None:
    """Explain, behind a click; what this machine can tell is looked up only then."""
    opened = st.expander("How was this measured?", icon=":material/bolt:", key="measuring", on_change="rerun")
    if not opened.open:
        return
    with opened, refusal.shown():
        left, right = st.columns(2, gap="large")
        with left:
            st.markdown(JOULE)
            st.markdown(_signs())
            st.markdown(NOT_POWER_TIMES_TIME)
        with right:
            st.markdown(COMPARING)
            _here()


def described() -> dict[str, Any]:
    """Return what this machine can measure, see `EnergyMeter.describe`; the idle power is the one known by now."""
    chosen = settings()
    counters, found = _described(chosen.country, chosen.watts_per_core, str(chosen.powercap_root))
    baseline = idle.remembered(counters) if counters else None
    if baseline is None:
        return found
    return {**found, "idle": {**asdict(baseline), "age_s": baseline.age_s}, "idle_reason": None}


@st.cache_resource(ttl=600, max_entries=4, show_spinner=False)
def _described(
    country: str | None, watts_per_core: float, powercap_root: str
) -> tuple[list[PowerSource], dict[str, Any]]:
    """Return the counters and what is said of them, kept as trying them takes up to a second.

    The arguments are the settings that change the answer.
    """
    meter = EnergyMeter.from_settings()
    return [source for source in meter.sources if source.scope != "process_tree"], meter.describe()


def _signs() -> str:
    return "**The sign beside it** says how it was obtained:\n\n" + "\n".join(
        f"- {badge.text(kind)} {KINDS[kind]}" for kind in SIGNS
    )


def _here() -> None:
    """Say which sources this machine has, and why not better ones."""
    found = described()
    st.markdown("**This machine**")
    lines = [f"- {COMPONENTS[source['component']]}: {_source(source)}" for source in found["sources"]]
    lines += [f"- Not used: {source['id']}, because {source['reason']}" for source in found["refused"]]
    graphics = found["graphics"]
    counted = "counted where it trains" if graphics["ok"] else "not counted"
    lines.append(f"- Graphics card: {counted}. {graphics['reason']}")
    lines.append(f"- Idle machine: {_idle(found)}")
    lines.append(f"- Carbon: {_carbon(found['carbon'])}")
    st.markdown("\n".join(lines))


def _source(source: dict[str, Any]) -> str:
    scope = SCOPES.get(source["scope"], source["scope"])
    return (
        f"{badge.text(source['kind'])} {source['id']}, of {scope}. {source['reason']}. "
        f"Windows of {source['min_window_s']:g} s or more"
    )


def _idle(found: dict[str, Any]) -> str:
    if found["idle"] is None:
        return str(found["idle_reason"])
    watts = ", ".join(f"{units.significant(watts)} W ({id})" for id, watts in found["idle"]["watts"].items())
    return f"{watts}, measured {units.rough(found['idle']['age_s'])} ago"


def _carbon(carbon: dict[str, Any]) -> str:
    grid = carbon["intensity"]
    if grid is None:
        return str(carbon["reason"])
    return f"{grid['g_per_kwh']:g} g CO2e per kWh, the mean of {grid['country']} in {grid['year']} ({grid['source']})"
