"""The fields of an entry as widgets, whichever entry it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import streamlit as st

from greenai_core import forms
from greenai_core.draft import Node, TeacherDraft
from greenai_core.forms import Field
from greenai_core.registry import names

TEACHERS = ("teacher", "teachers")
"""Fields that are forms of their own, below the others."""
NOT_SET = "not set"


def front(node: Node, varied: Collection[str] = ()) -> None:
    """Show the fields of an entry that one plays with: the first, and whatever a slider or a line of text can hold.

    What all trainings have in common is not among them. Several teachers stand below them. Those in `varied` (by the id
    of their variable) take their values from the sweep, and are only shown.
    """
    parts = [part for part in forms.fields(node.kind, node.name) if part.applies(node.values)]
    if shown := [part for part in parts if _in_front(part, parts)]:
        with st.grid(2, min_column_width=130, vertical_alignment="bottom"):
            for part in shown:
                node.values[part.name] = _widget(part, node, varied)
    for part in parts:
        if part.widget == "teachers":
            node.values[part.name] = _teachers(part, node)


def more(node: Node, varied: Collection[str] = ()) -> None:
    """Show the other fields behind a click; for `varied` see `front`."""
    parts = [part for part in forms.fields(node.kind, node.name) if part.applies(node.values)]
    if hidden := [part for part in parts if part.widget not in TEACHERS and not _in_front(part, parts)]:
        with st.popover("More", icon=":material/tune:", help="More settings", key=f"{node.uid}.more", type="tertiary"):
            for part in hidden:
                node.values[part.name] = _widget(part, node, varied)


def _in_front(part: Field, parts: Sequence[Field]) -> bool:
    if part is parts[0]:
        return part.widget not in TEACHERS
    return part.widget in ("slider", "text", "switch") and not part.common


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
            placeholder=NOT_SET if part.optional else None,
        )
    if part.widget == "choice":
        offered = (NOT_SET, *part.choices) if part.optional else part.choices
        index = offered.index(value) if value in offered else 0
        chosen = st.selectbox(part.title, offered, index=index, key=key, help=help, disabled=varies)
        return None if part.optional and chosen == NOT_SET else chosen
    if part.widget == "choices":
        return st.multiselect(
            part.title, part.choices, value, key=key, help=help, disabled=varies, max_selections=part.most
        )
    if part.widget == "switch":
        return st.toggle(part.title, bool(value), key=key, help=help, disabled=varies)
    return st.text_input(part.title, value or "", key=key, help=help, disabled=varies) or None


def _teachers(part: Field, node: Node) -> list[dict[str, Any]]:
    """Ask for several teachers: the model of each and the fields of its stages; return their JSON forms.

    They are kept beside the draft, which holds what they say.
    """
    key = f"{node.uid}.{part.name}"
    kept: list[TeacherDraft] = st.session_state.setdefault(key, [*map(TeacherDraft.of_json, node.values[part.name])])
    st.caption(f"**{part.title}**: {part.help}")
    for place, teacher in enumerate(kept, 1):
        with st.expander(f"{place}. {teacher.model.name}", icon=":material/school:"):
            _teacher(teacher)
            st.button(
                "Remove",
                key=f"{teacher.uid}.delete",
                icon=":material/delete:",
                on_click=kept.remove,
                args=(teacher,),
                disabled=len(kept) <= max(1, part.least),
            )
    st.button(
        "Add a teacher",
        key=f"{key}.add",
        icon=":material/add:",
        on_click=_another,
        args=(kept,),
        disabled=part.most is not None and len(kept) >= part.most,
    )
    return [teacher.to_json() for teacher in kept]


def _teacher(teacher: TeacherDraft) -> None:
    known = names("models")
    chosen = st.selectbox("Model", known, known.index(teacher.model.name), key=f"{teacher.uid}.model")
    if chosen != teacher.model.name:
        teacher.model = Node.of_json("models", {"name": chosen})
    for each in (teacher.model, *teacher.stages):
        if each.kind == "techniques":
            st.markdown(forms.described(each.kind, each.name).title)
        front(each)
        more(each)


def _another(kept: list[TeacherDraft]) -> None:
    """Add a teacher like the last one."""
    kept.append(TeacherDraft.of_json(kept[-1].to_json()))
