"""Buttons that do something to the queue; every one of them is shown, disabled, to those who may only look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from greenai_core.errors import BadInput
from greenai_core.jobs.access import Access

Act = Callable[..., object]
"""Something of `greenai_core.jobs`; its last argument is the access of the caller."""


def button(
    label: str,
    act: Act,
    *args: object,
    access: Access,
    key: str,
    icon: str,
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
    disabled: bool = False,
    help: str | None = None,
) -> None:
    """Show a button that calls ``act(*args, access)``."""
    st.button(
        label,
        key=key,
        icon=icon,
        type=type,
        on_click=perform,
        args=(act, *args, access),
        disabled=disabled or not access.writable,
        help=access.reason or help,
    )


def after_asking(
    label: str, question: str, sure: str, act: Act, *args: object, access: Access, key: str, icon: str
) -> None:
    """Show a button that opens on a question, under which another one calls ``act(*args, access)``.

    It is no dialog: that would close when the part of the page that it belongs to is drawn anew, each second.
    """
    # What it opens on stays open, and would ask again about what is left.
    opened = st.session_state.setdefault(f"{key}-asked", 0)
    shown: dict[str, Any] = {"disabled": not access.writable, "help": access.reason or None}
    with st.popover(label, icon=icon, key=f"{key}-{opened}", **shown):
        st.markdown(question)
        st.button(sure, key=f"{key}-sure", icon=icon, type="primary", on_click=_sure, args=(key, act, *args, access))


def perform(act: Act, *args: object) -> None:
    """Call ``act(*args)``; what is refused is said in passing, since the page shows how it is anyway."""
    try:
        act(*args)
    except BadInput as refused:
        st.toast(str(refused), icon=":material/block:")


def _sure(key: str, act: Act, *args: object) -> None:
    st.session_state[f"{key}-asked"] += 1
    perform(act, *args)
