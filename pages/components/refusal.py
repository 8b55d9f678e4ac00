"""A refusal is one sentence on the page, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from greenai_core.errors import BadInput, RunFailed


@contextmanager
def shown() -> Iterator[None]:
    """Show what greenai_core refuses or fails at inside the block, and leave out the rest of the block."""
    try:
        yield
    except (BadInput, RunFailed) as refusal:
        st.error(str(refusal), icon=":material/block:")
