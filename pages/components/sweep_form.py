"""Fields that take several values: every combination of them is a run."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from greenai_core.draft import Axis, Draft, Variable

HOW = "numbers such as 0.6, 0.8, 0.95, or 0.1-0.9 step 0.2"
HOW_WHOLE = "whole numbers such as 1, 2, 5, or 1-5"


def sweep(draft: Draft) -> None:
    """Ask which fields are varied, over which values, and how much energy that may take."""
    for axis, variable in draft.varied():
        _row(draft, axis, variable)
    varied = draft.varied_ids()
    free = {variable.id: variable for variable in draft.variables() if variable.id not in varied}
    key = f"{draft.uid}.vary"
    st.selectbox(
        "Vary a field",
        list(free),
        index=None,
        key=key,
        placeholder="Choose a field to give it several values",
        format_func=lambda id: free[id].title if id in free else "",
        on_change=_vary,
        args=(draft, free, key),
        help="Every combination of the values becomes a run, once per seed.",
    )
    if draft.axes or draft.budget_j is not None:
        draft.budget_j = st.number_input(
            "Energy budget for the sweep (J)",
            min_value=0.0,
            format="%g",
            value=draft.budget_j,
            key=f"{draft.uid}.budget",
            placeholder="no limit",
            help="When the runs have spent so many joules, those that are left are cancelled.",
        )


def _vary(draft: Draft, free: Mapping[str, Variable], key: str) -> None:
    """Add a row for the field that was chosen, and be ready for another."""
    if (chosen := free.get(st.session_state[key])) is not None:
        draft.vary(chosen)
    st.session_state[key] = None


def _row(draft: Draft, axis: Axis, variable: Variable) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        if variable.choices is None:
            help = HOW_WHOLE if variable.integer else HOW
            written = str(axis.written)
            axis.written = st.text_input(variable.title, written, key=axis.uid, help=help, width="stretch") or ""
        else:
            choices = list(variable.choices)
            axis.written = st.multiselect(variable.title, choices, axis.written, key=axis.uid, width="stretch")
        st.button(
            ":material/delete:",
            key=f"{axis.uid}.delete",
            help="Do not vary this field",
            type="tertiary",
            on_click=draft.axes.remove,
            args=(axis,),
        )
