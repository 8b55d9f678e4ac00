"""Build a run, see what it would give and cost, and launch it."""

from __future__ import annotations

import streamlit as st

from greenai_core import spec as specs_module
from greenai_core import wording
from greenai_core.draft import Draft
from greenai_core.errors import BadInput
from greenai_core.examples import first_experiment
from greenai_core.jobs import queue
from greenai_core.spec import Spec
from greenai_core.store import records
from pages.components import access, refusal, spec_form
from pages.components.price_tag import price_tag


def upload() -> None:
    """Fill the form from a file; what is refused is said, and the form stays as it was."""
    file = st.session_state["upload"]
    if file is None:
        return
    try:
        st.session_state["draft"] = Draft.of_spec(specs_module.read(file.getvalue()))
    except BadInput as refused:
        st.session_state["upload_refused"] = f"{file.name}: {refused}"


def files(specs: list[Spec]) -> None:
    """Offer the exact spec, and take one."""
    with st.expander("The exact spec, as JSON", icon=":material/data_object:"):
        if specs:
            st.code(specs[0].to_json(), language="json", height=260)
            st.download_button(
                "Download spec",
                specs[0].to_json(),
                "spec.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
        st.file_uploader("Fill the form from a spec", type="json", key="upload", max_upload_size=1, on_change=upload)
    refused = st.session_state.pop("upload_refused", None)
    if refused:
        st.error(refused, icon=":material/block:")


def launch(specs: list[Spec], stored: int, *, again: bool) -> None:
    """The button; read-only dashboards show it, disabled, and say why. `stored` of the specs have a record already."""
    allowed = access.current()
    if stored:
        st.info(
            f"{stored:,} of {wording.number(len(specs), 'run')} stored already; launching returns what is stored "
            "at once.",
            icon=":material/inventory_2:",
        )
        st.toggle("Run again anyway", key="again", help="trains and measures anew, and stores another record")
    text = "Launch" if len(specs) == 1 else f"Launch {len(specs)} runs"
    if st.button(
        text, type="primary", icon=":material/play_arrow:", disabled=not allowed.writable, width="stretch", key="launch"
    ):
        results = queue.submit(specs, access=allowed, again=again)
        queued = sum(result.id is not None for result in results)
        st.toast(f"{wording.number(queued, 'job')} launched, {len(results) - queued} answered from the store.")
        st.session_state["launched"] = queued
    if not allowed.writable:
        st.caption(f":material/lock: {allowed.reason}")
    if "launched" in st.session_state:
        queued = st.session_state.pop("launched")
        page, label = (
            ("jobs.py", "Watch it on the Jobs page") if queued else ("results.py", "See it on the Results page")
        )
        st.page_link(page, label=label, icon=":material/monitoring:")


@st.fragment
def form() -> None:
    """A fragment: moving a slider computes this part of the page anew, and no other."""
    draft = st.session_state.setdefault("draft", Draft.of_spec(first_experiment()))
    with st.grid(2, min_column_width=400, gap="medium") as halves:
        with halves.cell():
            spec_form.subject(draft)
            st.subheader("Recipe", anchor=False)
            spec_form.stages(draft.stages, draft.uid)
        with halves.cell(), refusal.shown():
            side(draft)


def side(draft: Draft) -> None:
    """Say what is wrong with the draft, or what it would give."""
    try:
        specs = draft.specs()
    except BadInput as refused:
        st.warning(str(refused), icon=":material/edit:")
        files([])
        return
    missing = [spec for spec in specs if records.answered(spec) is None]
    again = len(missing) < len(specs) and st.session_state.get("again", False)
    price_tag(specs, specs if again else missing)
    launch(specs, len(specs) - len(missing), again=again)
    files(specs)


st.title("Launch a run", anchor=False)
st.caption(
    "Choose what to train and what to do to it. Nothing runs before you press the button, "
    "and leaving the page stops nothing."
)
form()
