"""The form of a run: every widget is made from the fields of an entry, whichever entry that is."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import streamlit as st

from greenai_core import forms
from greenai_core.draft import PROFILES, Draft, Node, TeacherDraft, move
from greenai_core.forms import Field
from greenai_core.registry import Kind, names
from pages.components import fields


def subject(draft: Draft) -> None:
    """Ask for data set, model, seeds and how to measure."""
    varied = draft.varied_ids()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draft.dataset = _entry("Data set", draft.dataset, f"{draft.uid}.dataset", 190, varied)
        draft.model = _entry("Model", draft.model, f"{draft.uid}.model", 210, varied)
        draft.seeds = st.text_input(
            "Seeds",
            draft.seeds,
            key=f"{draft.uid}.seeds",
            width=110,
            help="one run per seed: 3, or 0, 1, 2, or 0-4",
        )
        draft.measurement["profile"] = st.segmented_control(
            "Measuring",
            PROFILES,
            default=draft.measurement["profile"],
            key=f"{draft.uid}.profile",
            required=True,
            disabled=f"{draft.uid}.profile" in varied,
            help="quick: short windows, a few seconds; full: as the records of the bank; none: inference is not timed",
        )
    for node in (draft.dataset, draft.model):
        fields.front(node, varied)
        fields.more(node, varied)


USUAL_NEXT = "fine_tune"
"""What stands in the list of stages at first."""


def stages(recipe: list[Node], owner: str, varied: Collection[str]) -> None:
    """Ask for the stages of a recipe, in order; `owner` names the recipe's own widgets, `varied` see `fields.front`."""
    for index, node in enumerate(recipe):
        with st.container(border=True, gap="xsmall"):
            _heading(recipe, index, node, varied)
            fields.front(node, varied)
            _teachers(node, varied)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        offered = _by_family("techniques")
        choice = st.selectbox(
            "Add a stage",
            offered,
            index=[*offered].index(USUAL_NEXT),
            key=f"{owner}.add",
            width=330,
            format_func=offered.__getitem__,
        )
        st.button("Add", key=f"{owner}.add-button", icon=":material/add:", on_click=_add, args=(recipe, choice))


def _heading(recipe: list[Node], index: int, node: Node, varied: Collection[str]) -> None:
    described = forms.described("techniques", node.name)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{index + 1}. {described.title}**", help=described.help, width="stretch")
        fields.more(node, varied)
        for icon, what, by in (("arrow_upward", "Move up", -1), ("arrow_downward", "Move down", 1)):
            st.button(
                f":material/{icon}:",
                key=f"{node.uid}.{icon}",
                help=what,
                type="tertiary",
                on_click=move,
                args=(recipe, index, by),
                disabled=not 0 <= index + by < len(recipe),
            )
        st.button(
            ":material/delete:",
            key=f"{node.uid}.delete",
            help="Remove this stage",
            type="tertiary",
            on_click=recipe.remove,
            args=(node,),
        )


def _teachers(node: Node, varied: Collection[str]) -> None:
    """Show the teacher of a stage that has one: a model and a recipe of its own, in the same widgets again."""
    for part in forms.fields(node.kind, node.name):
        if part.widget != "teacher":
            continue
        if part.optional:
            given = node.values[part.name]
            wanted = st.toggle(part.title, given is not None, key=f"{node.uid}.{part.name}", help=part.help)
            node.values[part.name] = (given or TeacherDraft.of_json(part.default)) if wanted else None
        if node.values[part.name] is not None:
            _teacher(part, node.values[part.name], varied)


def _teacher(part: Field, teacher: TeacherDraft, varied: Collection[str]) -> None:
    with st.expander(f"{part.title}: {teacher.model.name}", expanded=True, icon=":material/school:"):
        st.caption(part.help)
        teacher.model = _entry("Model of the teacher", teacher.model, f"{teacher.uid}.model", 210)
        fields.front(teacher.model, varied)
        fields.more(teacher.model, varied)
        stages(teacher.stages, teacher.uid, varied)


def _entry(label: str, node: Node, key: str, width: int, varied: Collection[str] = ()) -> Node:
    """Ask which entry of a kind to use; another one starts from its defaults."""
    chosen = st.selectbox(
        label,
        names(node.kind),
        index=names(node.kind).index(node.name),
        key=key,
        width=width,
        disabled=key in varied,
        format_func=lambda name: forms.described(node.kind, name).title,
    )
    return node if chosen == node.name else Node.of_json(node.kind, {"name": chosen})


@cache
def _by_family(kind: Kind) -> dict[str, str]:
    """Return what entries are called in a long list, family by family."""
    known = {name: forms.described(kind, name) for name in names(kind)}
    ordered = sorted(known, key=lambda name: (known[name].family, known[name].title))
    return {name: f"{known[name].title} ({known[name].family})" for name in ordered}


def _add(recipe: list[Node], name: str) -> None:
    recipe.append(Node.of_json("techniques", {"name": name}))
