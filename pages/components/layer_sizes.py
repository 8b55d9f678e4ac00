"""Where the bytes of the deployed files of runs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from greenai_core import deploy
from greenai_core.analysis import compare
from greenai_core.analysis.layers import table
from greenai_core.charts import layers
from greenai_core.layer_sizes import Sizes, sizes
from greenai_core.record import Record
from pages.components import refusal


def of_one(record: Record) -> None:
    """Show the bytes of each layer of a run's file; nothing where it is not here, which its download says."""
    _shown(_sizes_of([record]))


def of_several(found: Sequence[Record]) -> None:
    """Show the bytes of each layer of the runs whose files are here; of the others say how to get them."""
    sizes_of = _sizes_of(found)
    _shown(sizes_of)
    missing = [name for name, stored in sizes_of.items() if stored is None]
    if missing:
        st.info(
            f"There is no file here of {'; '.join(missing)}. Launch the spec again to make it, and with it the sizes "
            "of its layers.",
            icon=":material/inventory_2:",
        )


def _sizes_of(found: Sequence[Record]) -> dict[str, Sizes | None]:
    """Return the sizes by the short name of each run, None where its file is not here; broken files are left out."""
    names = compare.short_names(found)
    sizes_of: dict[str, Sizes | None] = {}
    for record in found:
        with refusal.shown():
            content = deploy.model(record)
            sizes_of[names[record.run_id]] = None if content is None else _sizes(content)
    return sizes_of


def _shown(sizes_of: Mapping[str, Sizes | None]) -> None:
    stored = {name: known for name, known in sizes_of.items() if known is not None}
    if not stored:
        return
    st.plotly_chart(
        layers.size_by_layer(stored), key="layers", alt=layers.describe(stored), config={"displayModeBar": False}
    )
    st.caption("Bytes of each layer in the deployed file: its weights, biases and scales. All rows add up to the file.")
    called = {name: name.partition(":")[0] if len(sizes_of) > 1 else "Bytes" for name in stored}
    st.dataframe(
        table(stored).rename(columns=called),
        hide_index=True,
        column_config={letter: st.column_config.NumberColumn(format="localized") for letter in called.values()},
        alt="Bytes of each layer in the deployed file",
        placeholder="",
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _sizes(content: bytes) -> Sizes:
    return sizes(content)
