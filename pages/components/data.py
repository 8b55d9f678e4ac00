"""What pages read, cached until the store changes."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from greenai_core import settings
from greenai_core.analysis import published as others
from greenai_core.analysis.explore import Filters, View, view
from greenai_core.charts import trade_off
from greenai_core.charts.looks import ColourBy
from greenai_core.record import Record, least_sure
from greenai_core.store import records, reference
from pages.components import measuring

Printed = tuple[tuple[str, int], ...]
"""Name and time of change of every file of published tables."""


def runs() -> pd.DataFrame:
    """Return one row per record, as `greenai_core.store.records.table`."""
    return _table(records.version())


def record(run_id: str) -> Record:
    """Return one record, own or shipped."""
    return _record(records.version(), run_id)


def explore(filters: Filters, group: str | None) -> View | None:
    """Return the view that the filters ask for, or None where nothing matches."""
    return _view(records.version(), filters, group)


def chart(filters: Filters, group: str | None, by: ColourBy, pick: str | None = None) -> go.Figure:
    """Return the chart of a view that exists, for the theme in use, one point of it ringed."""
    return _chart(records.version(), filters, group, by, pick, _rim(), _printed())


def usual_kind() -> str:
    """Return how energies are obtained of runs that have no record yet, or never will.

    As sure as this machine's sources and the newest own run, whichever is less: a run may turn out less sure than its
    sources, where it did not have the machine to itself.
    """
    table = runs()
    own = table.loc[table["origin"] == "own", "energy_train_kind"].dropna()
    return least_sure([measuring.described()["kind"], *own.iloc[:1]]) or "estimated"


def beside_published() -> pd.DataFrame:
    """Return the tables published by others, our own figures beside each row."""
    return _beside_published(records.version(), _printed())


def published() -> pd.DataFrame:
    """Return the tables published by others, as they stand in their files now."""
    return _published(_printed())


def _printed() -> Printed:
    """Return what changes with the files of the published tables."""
    return tuple((file.name, file.stat().st_mtime_ns) for file in sorted(settings.REFERENCE.glob("*.csv")))


def _rim() -> str:
    return "#101614" if st.context.theme.type == "dark" else "#FFFFFF"


@st.cache_data(max_entries=4, show_spinner=False)
def _table(version: str) -> pd.DataFrame:
    return records.table()


@st.cache_resource(max_entries=32, show_spinner=False)
def _record(version: str, run_id: str) -> Record:
    return records.load(run_id)


@st.cache_data(max_entries=32, show_spinner=False)
def _view(version: str, filters: Filters, group: str | None) -> View | None:
    return view(_table(version), filters, group)


# A resource, not data: a copy from the cache lists its parts in another order than the original, so that the second
# rerun would send another figure than the first, and the browser would draw it anew and forget what was selected.
@st.cache_resource(max_entries=32, show_spinner=False)
def _chart(
    version: str,
    filters: Filters,
    group: str | None,
    by: ColourBy,
    pick: str | None,
    rim: str,
    printed: Printed,
) -> go.Figure:
    shown = _view(version, filters, group)
    if shown is None:
        raise ValueError("there is nothing to draw")
    references = others.points(_published(printed), filters.dataset, shown.accuracy.column, shown.cost.column)
    return trade_off.draw(shown, by=by, rim=rim, published=references, pick=pick)


@st.cache_data(max_entries=2, show_spinner=False)
def _beside_published(version: str, printed: Printed) -> pd.DataFrame:
    return others.beside_ours(_published(printed), _table(version))


@st.cache_data(max_entries=2, show_spinner=False)
def _published(printed: Printed) -> pd.DataFrame:
    return reference.published()
