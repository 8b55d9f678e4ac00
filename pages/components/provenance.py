"""The badge of a single energy figure that opens: everything that is known of how it was obtained."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from greenai_core.analysis.provenance import COLUMNS, Quantity, provenance
from greenai_core.record import Record
from pages.components import badge

PLAIN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>$~"})
"""What markdown would take for something else than text."""


def popover(record: Record, quantity: Quantity, *, key: str, title: str = "") -> None:
    """Show how the energy of training or of inference was obtained; a click shows where it comes from."""
    kind = record.energy_train_kind if quantity == "training" else record.energy_inference_kind
    known = getattr(record, COLUMNS[quantity]) is not None
    with st.popover(f"{title} {badge.text(kind) if known else 'unknown'}".strip(), type="tertiary", key=key):
        for heading, facts in provenance(record, quantity):
            st.markdown(f"**{heading}**")
            rows = [(name, text.translate(PLAIN)) for name, text in facts]
            st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, hide_header=True, alt=heading)
