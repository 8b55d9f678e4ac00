"""What pages read, cached until the store changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from greenai_core.analysis import explore as trade_offs
from greenai_core.analysis import published
from greenai_core.analysis.explore import Filters, Gathered, View, gather, view
from greenai_core.charts import trade_off
from greenai_core.charts.looks import ColourBy
from greenai_core.record import Record, least_sure
from greenai_core.store import records
from pages.components import measuring, printed


@dataclass(frozen=True)
class Asked:
    """What a page was asked to show, and the state of the store that it shows.

    One of them serves a whole rerun: what is stored or deleted meanwhile comes into sight with the next one, and not
    into the chart alone. It is small, so that a part of a page that is drawn anew by itself can keep it.

    Attributes:
        version: of `greenai_core.store.records.version`.
        filters: which runs, on which axes.
        group: id of the group of comparable runs; None, or one that is not there: the first one.
    """

    version: str
    filters: Filters
    group: str | None


def asked(filters: Filters, group: str | None = None) -> Asked:
    """Return what is asked for, of the store as it is now."""
    return Asked(records.version(), filters, group)


def runs(version: str | None = None) -> pd.DataFrame:
    """Return one row per record, as `greenai_core.store.records.table`; of the store as it is now, or of a version."""
    return _table(version or records.version())


def record(run_id: str) -> Record:
    """Return one record, own or shipped."""
    return _record(records.version(), run_id)


def explore(asked: Asked) -> View | None:
    """Return the view that is asked for, or None where nothing matches."""
    return _view(asked)


def alike(asked: Asked, cost: str, view: View) -> pd.DataFrame:
    """Return the points of a view with another of the `COSTS`, as far as its values compare; no rows where none do."""
    return _alike(asked.version, asked.filters, cost, tuple(view.front.keys.items()))


def chart(asked: Asked, view: View, by: ColourBy, pick: str | None = None) -> go.Figure:
    """Return the chart of the view that is asked for, for the theme in use, one point of it ringed."""
    return _chart(asked, by, pick, _rim(), printed.version(), view)


def choices(column: str, dataset: str | None = None) -> list[str]:
    """Return what a person may filter by, as of `greenai_core.analysis.explore.choices`; on one data set, or on all."""
    return _choices(records.version(), column, dataset)


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
# Few of each are kept: of a hundred thousand runs one takes some 50 MB, and a view 0.1 s to be found again.
@st.cache_resource(max_entries=2, show_spinner=False)
def _table(version: str) -> pd.DataFrame:
    return records.table()


@st.cache_resource(max_entries=8, show_spinner=False)
def _gathered(version: str, source: Filters) -> Gathered:
    return gather(_table(version), source)


@st.cache_resource(max_entries=32, show_spinner=False)
def _record(version: str, run_id: str) -> Record:
    return records.load(run_id)


@st.cache_resource(max_entries=4, show_spinner=False)
def _view(asked: Asked) -> View | None:
    return view(_gathered(asked.version, asked.filters.source), asked.filters, asked.group)


@st.cache_resource(max_entries=8, show_spinner=False)
def _alike(version: str, filters: Filters, cost: str, keys: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    gathered, drawn = _gathered(version, replace(filters, cost=cost).source), dict(keys)
    groups = [group for group in gathered.groups if all(drawn.get(k, v) == v for k, v in group.keys.items())]
    found = [group.points[filters.matching(group.points)] for group in groups]
    return next((points for points in found if len(points)), _table(version).iloc[:0])


@st.cache_resource(max_entries=64, show_spinner=False)
def _choices(version: str, column: str, dataset: str | None) -> list[str]:
    table = _table(version)
    return trade_offs.choices(table if dataset is None else table[table["dataset"] == dataset], column)


# A resource, too: a copy from the cache lists its parts in another order than the original, so that the second
# rerun would send another figure than the first, and the browser would draw it anew and forget what was selected.
@st.cache_resource(max_entries=32, show_spinner=False)
def _chart(
    asked: Asked, by: ColourBy, pick: str | None, rim: str, references: printed.Version, _shown: View
) -> go.Figure:
    axes = _shown.accuracy.column, _shown.cost.column
    others = published.points(printed.tables(), asked.filters.dataset, *axes)
    return trade_off.draw(_shown, by=by, rim=rim, published=others, pick=pick)
