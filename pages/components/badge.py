"""How an energy was obtained, beside every energy that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from greenai_core import wording
from greenai_core.analysis.figures import SIGNS

LOOKS: dict[str, tuple[str, Literal["green", "orange", "gray"], str]] = {
    "measured": (":material/sensors:", "green", "Read from a counter of the hardware that did the work."),
    "apportioned": (":material/contrast:", "orange", "A counter of the whole machine, shared out by processor time."),
    "estimated": (
        ":material/calculate:",
        "gray",
        "Processor time multiplied by an assumed power per core; no counter was read.",
    ),
}


def badge(kind: str | None) -> None:
    """Show how an energy was obtained; nothing where there is no energy."""
    if kind:
        icon, colour, meaning = LOOKS[kind]
        st.badge(kind, icon=icon, color=colour, help=meaning)


def trust(energy: str, kinds: Sequence[str | None], flags: Sequence[str]) -> None:
    """Show beside the name of an energy how it was obtained, and every reason to trust it less."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(energy, width="content")
        for kind in dict.fromkeys(kinds):
            badge(kind)
        for flag in flags:
            st.caption(f":material/warning: {wording.doubt(flag)}", width="content")


def text(kind: str | None) -> str:
    """Return the badge as markdown, for labels."""
    if not kind:
        return ""
    icon, colour, _ = LOOKS[kind]
    return f":{colour}-badge[{icon} {kind}]"


def sign(kind: str | None) -> str:
    """Return the badge as plain text, for the cells of tables."""
    return f"{SIGNS[kind]} {kind}" if kind else ""
