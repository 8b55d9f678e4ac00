"""How an energy was obtained, beside every energy that is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import streamlit as st

from greenai_core import wording
from greenai_core.analysis.figures import sign

COLOURS: dict[str, Literal["green", "orange", "gray"]] = {
    "measured": "green",
    "apportioned": "orange",
    "estimated": "gray",
}


def badge(kind: str | None) -> None:
    """Show how an energy was obtained; nothing where there is no energy."""
    if kind:
        st.badge(sign(kind), color=COLOURS[kind], help=f"{wording.KINDS[kind].capitalize()}.")


@contextmanager
def doubted(flags: Sequence[str]) -> Iterator[None]:
    """Show beside what is written in the block, an energy's name and badge, every reason to trust it less."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        yield
        for flag in flags:
            st.caption(f":material/warning: {wording.doubt(flag)}", width="content")


def text(kind: str | None) -> str:
    """Return the badge as markdown, for labels."""
    return f":{COLOURS[kind]}-badge[{sign(kind)}]" if kind else ""
