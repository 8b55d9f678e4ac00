"""A choice that stands in the page's link by its id; a bound widget would write the words that are shown."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def choice(label: str, names: Mapping[str, str], default: str, *, key: str, width: int) -> str:
    """Offer ids under their names; returns the one chosen, or that of the link, or else the default.

    Args:
        label: of the widget.
        names: what is shown for each id; at least one.
        default: one of the ids.
        key: under which the id stands in the link.
        width: in pixels.
    """
    asked = st.query_params.get(key, default)
    shown = asked if asked in names else default
    widget = f"{key}-{shown}"
    return st.selectbox(
        label,
        list(names),
        list(names).index(shown),
        format_func=names.__getitem__,
        key=widget,
        width=width,
        on_change=_remember,
        args=(key, widget),
    )


def _remember(key: str, widget: str) -> None:
    st.query_params[key] = st.session_state[widget]
