"""Views with a name: the page as its link says it is, found again by everybody who uses this store."""

from __future__ import annotations

from html import escape

import streamlit as st

from greenai_core.errors import BadInput
from greenai_core.store import saved_views
from greenai_core.store.saved_views import NAME_LENGTH, Parameters, SavedView, Taken
from pages.components import access, act
from pages.components.provenance import PLAIN

NAME, REFUSED, TAKEN = "view-name", "view-refused", "view-taken"


def bar() -> None:
    """Offer the saved views as links, and to save the present one; to be shown once on a page."""
    with st.popover("Saved views", icon=":material/bookmarks:", key="saved-views"):
        found = saved_views.every()
        if found:
            with st.container(height=260 if len(found) > 5 else "content", gap=None):
                for view in found:
                    _link(view)
        else:
            st.caption("None yet. A saved view is this page with its controls as they are now.")
        _save()


def _link(view: SavedView) -> None:
    writable = access.current()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        # A link of the browser, which begins anew: within a session, a control that the link does not name would stay
        # as it is.
        st.html(f'<a href="?{escape(view.query)}" style="color: inherit">{escape(view.name)}</a>', width="content")
        act.button(
            "Delete",
            saved_views.delete,
            view.name,
            access=writable,
            key=f"delete-view-{view.name}",
            icon=":material/delete:",
            type="tertiary",
        )


def _save() -> None:
    writable = access.current()
    with st.form("save-view", border=False, enter_to_submit=True):
        st.text_input(
            "Name of this view",
            key=NAME,
            max_chars=NAME_LENGTH,
            disabled=not writable.writable,
            help=writable.reason or None,
        )
        st.form_submit_button(
            "Save this view", on_click=_keep, icon=":material/bookmark_add:", disabled=not writable.writable
        )
    if refused := st.session_state.get(REFUSED):
        st.error(refused, icon=":material/block:")
    if taken := st.session_state.get(TAKEN):
        st.warning(f"There is a saved view **{taken.translate(PLAIN)}** already.", icon=":material/warning:")
        with st.container(horizontal=True):
            st.button("Replace it", type="primary", on_click=_replace, args=(taken,), key="replace-view")
            st.button("Keep it", on_click=_forget, key="keep-view")


def _present() -> Parameters:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _keep() -> None:
    """Save the present view; a name that is refused or taken stays in its field."""
    _forget()
    name = st.session_state[NAME]
    try:
        saved_views.save(name, _present(), access.current())
        st.session_state[NAME] = ""
    except Taken:
        st.session_state[TAKEN] = name
    except BadInput as refused:
        st.session_state[REFUSED] = str(refused)


def _replace(name: str) -> None:
    _forget()
    act.perform(saved_views.replace, name, _present(), access.current())
    st.session_state[NAME] = ""


def _forget() -> None:
    st.session_state[REFUSED] = st.session_state[TAKEN] = None
