"""What pages read, cached until the store changes."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from greenai_core.analysis import explore as trade_offs
from greenai_core.analysis import lifetime, published
from greenai_core.analysis.explore import Filters, Gathered, View, gather, view
from greenai_core.charts import trade_off
from greenai_core.charts.looks import ColourBy
from greenai_core.record import Record, least_sure
from greenai_core.store import records
from pages.components import measuring, printed


def runs() -> pd.DataFrame:
    """Return one row per record, as `greenai_core.store.records.table`."""
    return _table(records.version())


def record(run_id: str) -> Record:
    """Return one record, own or shipped."""
    return _record(records.version(), run_id)


def explore(filters: Filters, group: str | None) -> View | None:
    """Return the view that the filters ask for, or None where nothing matches."""
    return _view(records.version(), filters, group)


def alike(filters: Filters, cost: str, view: View) -> pd.DataFrame:
    """Return the points of a view with another of the `COSTS`, as far as its values compare; no rows where none do."""
    return _alike(records.version(), filters, cost, tuple(view.front.keys.items()))


def chart(filters: Filters, group: str | None, by: ColourBy, pick: str | None = None) -> go.Figure:
    """Return the chart of a view that exists, for the theme in use, one point of it ringed."""
    return _chart(records.version(), filters, group, by, pick, _rim(), printed.version())


def choices(column: str, dataset: str | None = None) -> list[str]:
    """Return what a person may filter by, as of `greenai_core.analysis.explore.choices`; on one data set, or on all."""
    return _choices(records.version(), column, dataset)


def recipes(filters: Filters, serving: str) -> pd.DataFrame:
    """Return the means of what matches, as of `greenai_core.analysis.lifetime.points`."""
    found = filters.apply(_recipes(records.version(), Filters(filters.dataset, bank=filters.bank), serving))
    return found.assign(baseline=found["baseline"].where(found["baseline"].isin(found["replicate_key"])))


def usual_kind() -> str:
    """Return how energies are obtained of runs that have no record yet, or never will.

    As sure as this machine's sources and the newest own run, whichever is less: a run may turn out less sure than its
    sources, where it did not have the machine to itself.
    """
    table = runs()
    own = table.loc[table["origin"] == "own", "energy_train_kind"].dropna()
    return least_sure([measuring.described()["kind"], *own.iloc[:1]]) or "estimated"


def _rim() -> str:
    return "#101614" if st.context.theme.type == "dark" else "#FFFFFF"


# Resources, not data: nobody changes them, and a copy of very many rows on every rerun takes longer than all the rest.
@st.cache_resource(max_entries=4, show_spinner=False)
def _table(version: str) -> pd.DataFrame:
    return records.table()


@st.cache_resource(max_entries=8, show_spinner=False)
def _gathered(version: str, source: Filters) -> Gathered:
    return gather(_table(version), source)


@st.cache_resource(max_entries=32, show_spinner=False)
def _record(version: str, run_id: str) -> Record:
    return records.load(run_id)


@st.cache_resource(max_entries=32, show_spinner=False)
def _view(version: str, filters: Filters, group: str | None) -> View | None:
    return view(_gathered(version, filters.source), filters, group)


@st.cache_resource(max_entries=32, show_spinner=False)
def _alike(version: str, filters: Filters, cost: str, keys: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    gathered, drawn = _gathered(version, replace(filters, cost=cost).source), dict(keys)
    groups = [group for group in gathered.groups if all(drawn.get(k, v) == v for k, v in group.keys.items())]
    found = [group.points[filters.matching(group.points)] for group in groups]
    return next((points for points in found if len(points)), _table(version).iloc[:0])


@st.cache_resource(max_entries=64, show_spinner=False)
def _choices(version: str, column: str, dataset: str | None) -> list[str]:
    table = _table(version)
    return trade_offs.choices(table if dataset is None else table[table["dataset"] == dataset], column)


@st.cache_resource(max_entries=8, show_spinner=False)
def _recipes(version: str, source: Filters, serving: str) -> pd.DataFrame:
    return lifetime.points(source.apply(_table(version)), serving)


# A resource, too: a copy from the cache lists its parts in another order than the original, so that the second
# rerun would send another figure than the first, and the browser would draw it anew and forget what was selected.
@st.cache_resource(max_entries=32, show_spinner=False)
def _chart(
    version: str,
    filters: Filters,
    group: str | None,
    by: ColourBy,
    pick: str | None,
    rim: str,
    references: printed.Version,
) -> go.Figure:
    shown = _view(version, filters, group)
    if shown is None:
        raise ValueError("there is nothing to draw")
    others = published.points(printed.tables(), filters.dataset, shown.accuracy.column, shown.cost.column)
    return trade_off.draw(shown, by=by, rim=rim, published=others, pick=pick)
