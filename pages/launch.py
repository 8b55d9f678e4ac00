"""Build a run, see what it would give and cost, and launch it."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from greenai_core import spec, units, wording
from greenai_core.draft import Draft
from greenai_core.errors import BadInput
from greenai_core.examples import first_experiment
from greenai_core.jobs import queue
from greenai_core.spec import Spec
from pages.components import access, refusal, spec_form, sweep_form
from pages.components.price_tag import price_tag


def upload() -> None:
    """Fill the form from a file; what is refused is said, and the form stays as it was."""
    file = st.session_state["upload"]
    if file is None:
        return
    try:
        st.session_state["draft"] = Draft.of_document(spec.read_json(file.getvalue()))
    except BadInput as refused:
        st.session_state["upload_refused"] = f"{file.name}: {refused}"


def files(document: dict[str, Any] | None) -> None:
    """Offer what the form writes, and take such a file."""
    varied = document is not None and "spec" in document
    what = "sweep" if varied else "spec"
    with st.expander(f"The exact {what}, as JSON", icon=":material/data_object:"):
        if document is not None:
            text = json.dumps(document, indent=2) if varied else spec.check(document).to_json()
            st.code(text, language="json", height=260)
            st.download_button(
                f"Download {what}",
                text,
                f"{what}.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
            )
        st.file_uploader(
            "Fill the form from a spec or a sweep", type="json", key="upload", max_upload_size=1, on_change=upload
        )
    refused = st.session_state.pop("upload_refused", None)
    if refused:
        st.error(refused, icon=":material/block:")


def stored(answer: dict[str, Any]) -> None:
    """Say how much of a launch the store answers, and what that saves."""
    took, unknown = answer["stored_j"], answer["stored_unknown"]
    saves = "" if took is None else f" and saves the {units.ENERGY.text(took)} that they took"
    but = f" (of {unknown:,} it is unknown)" if unknown else ""
    st.info(
        f"{answer['stored']:,} of {wording.number(answer['runs'], 'run')} stored already; launching returns what is "
        f"stored at once{saves}{but}.",
        icon=":material/inventory_2:",
    )
    st.toggle("Run again anyway", key="again", help="trains and measures anew, and stores another record")


def launch(draft: Draft, specs: list[Spec], *, again: bool) -> None:
    """The button; read-only dashboards show it, disabled, and say why."""
    allowed = access.current()
    text = "Launch" if len(specs) == 1 else f"Launch {len(specs):,} runs"
    if st.button(
        text, type="primary", icon=":material/play_arrow:", disabled=not allowed.writable, width="stretch", key="launch"
    ):
        results = queue.submit(specs, access=allowed, again=again, budget_j=draft.budget_j)
        queued = sum(result.id is not None for result in results)
        st.toast(f"{wording.number(queued, 'job')} launched, {len(results) - queued:,} answered from the store.")
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
            spec_form.stages(draft.stages, draft.uid, draft.varied_ids())
            st.subheader("Sweep", anchor=False)
            sweep_form.sweep(draft)
        with halves.cell(), refusal.shown():
            side(draft)


def side(draft: Draft) -> None:
    """Say what is wrong with the draft, or what it would give."""
    try:
        specs = draft.specs()
    except BadInput as refused:
        st.warning(str(refused), icon=":material/edit:")
        files(None)
        return
    again = st.session_state.get("again", False)
    answer = price_tag(draft, again=again)
    if answer and answer["stored"]:
        stored(answer)
    launch(draft, specs, again=bool(answer and answer["stored"] and again))
    files(draft.document())


st.title("Launch a run", anchor=False)
st.caption(
    "Choose what to train and what to do to it. Nothing runs before you press the button, "
    "and leaving the page stops nothing."
)
form()
