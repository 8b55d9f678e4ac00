"""The fields of an entry as widgets, whichever entry it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import streamlit as st

from greenai_core import forms
from greenai_core.draft import Node
from greenai_core.forms import Field


def front(node: Node, varied: Collection[str] = ()) -> None:
    """Show the fields of an entry that one plays with: the first, and whatever a slider or a line of text can hold.

    Those in `varied` (by the id of their variable) take their values from the sweep, and are only shown.
    """
    parts = forms.fields(node.kind, node.name)
    if shown := [part for part in parts if _in_front(part, parts)]:
        with st.grid(2, min_column_width=130, vertical_alignment="bottom"):
            for part in shown:
                node.values[part.name] = _widget(part, node, varied)


def more(node: Node, varied: Collection[str] = ()) -> None:
    """Show the other fields behind a click; for `varied` see `front`."""
    parts = forms.fields(node.kind, node.name)
    if hidden := [part for part in parts if part.widget != "teacher" and not _in_front(part, parts)]:
        with st.popover("More", icon=":material/tune:", help="More settings", key=f"{node.uid}.more", type="tertiary"):
            for part in hidden:
                node.values[part.name] = _widget(part, node, varied)


def _in_front(part: Field, parts: Sequence[Field]) -> bool:
    return part.widget in ("slider", "text", "switch") or (part is parts[0] and part.widget != "teacher")


def _widget(part: Field, node: Node, varied: Collection[str]) -> Any:
    """Show one field with the value it has in the draft; the draft is what remembers, across pages too."""
    number: Callable[[float], Any] = int if part.integer else float
    value = node.values[part.name]
    key, help = f"{node.uid}.{part.name}", part.help or None
    varies = key in varied
    if varies:
        help = "Varied below: the sweep says which values it takes."
    written = "%d" if part.integer else "%g"
    if part.widget == "slider":
        low, high, step = number(part.low or 0), number(part.high or 0), number(part.step or 1)
        start = min(max(number(low if value is None else value), low), high)
        return st.slider(part.title, low, high, start, step=step, format=written, key=key, help=help, disabled=varies)
    if part.widget == "number":
        least, most = (None if bound is None else number(bound) for bound in (part.low, part.high))
        return st.number_input(
            part.title,
            least,
            most,
            None if value is None else number(value),
            step=number(part.step or 1),
            format=written,
            key=key,
            help=help,
            disabled=varies,
            placeholder="automatic" if part.optional else None,
        )
    if part.widget == "choice":
        index = part.choices.index(value) if value in part.choices else 0
        return st.selectbox(part.title, part.choices, index=index, key=key, help=help, disabled=varies)
    if part.widget == "switch":
        return st.toggle(part.title, bool(value), key=key, help=help, disabled=varies)
    return st.text_input(part.title, value or "", key=key, help=help, disabled=varies) or None
