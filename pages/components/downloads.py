"""What a run can be taken away as: its spec, and its model with the lines that load it."""

from __future__ import annotations

import json

import streamlit as st

from greenai_core import deploy
from greenai_core.analysis.figures import FIGURES
from greenai_core.record import Record


def downloads(record: Record) -> None:
    """Offer the spec of a run, and its model where it is stored here."""
    content = deploy.model(record)
    with st.container(horizontal=True):
        st.download_button(
            "Download spec",
            json.dumps(record.spec, indent=2),
            f"{record.run_id}.json",
            "application/json",
            key="spec",
            icon=":material/data_object:",
            on_click="ignore",
            help="the Launch page and the command line take it",
        )
        if content is not None:
            st.download_button(
                f"Download model ({FIGURES['size_bytes'].text(len(content))})",
                content,
                deploy.file_name(record),
                "application/octet-stream",
                key="onnx",
                icon=":material/download:",
                on_click="ignore",
            )
    if content is None:
        st.info("The model of this run is not stored here. Launch its spec to make it.", icon=":material/inventory_2:")
        return
    st.markdown("These lines load it:")
    st.code(deploy.lines(record), language="python")
