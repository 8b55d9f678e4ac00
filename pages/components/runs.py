"""A table of runs, with units in the headings."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from greenai_core.analysis import tables
from greenai_core.analysis.latex import table as to_latex
from greenai_core.spec import digest
from greenai_core.store import remarks


def points(shown: pd.DataFrame, figures: Sequence[str], *, alt: str) -> None:
    """Show one row per point: means over the seeds, their intervals, and how sure its place is."""
    frame, headings = tables.points(shown, figures)
    config = {name: _column(name, column) for name, column in headings.items()}
    st.dataframe(frame, hide_index=True, column_config=config, alt=alt, height=_height(frame), placeholder="")


def choose(runs: pd.DataFrame, *, alt: str) -> list[str]:
    """Show one row per run, sortable and searchable; returns the run_ids of the rows that are selected."""
    frame, headings = tables.shown(runs)
    state = st.dataframe(
        frame,
        hide_index=True,
        column_config={name: _column(name, column) for name, column in headings.items()},
        # A selection is kept as positions: with other runs in the table it must not live on.
        key=f"choose-{digest(list(runs['run_id']))}",
        on_select="rerun",
        selection_mode="multi-row",
        alt=alt,
        height=_height(frame),
        lazy=False,
        placeholder="",
    )
    return [str(runs["run_id"].iloc[row]) for row in state["selection"]["rows"]]


def published(rows: pd.DataFrame) -> None:
    """Show published figures and, beside each, the mean over the seeds of our best recipe that matches it."""
    frame = pd.DataFrame(
        {
            "Published": rows["label"],
            "Test accuracy (%)": rows["accuracy_test_percent"],
            "Ours (%)": rows["ours_accuracy"] * 100,
            "Difference (points)": (rows["ours_accuracy"] * 100 - rows["accuracy_test_percent"]),
            "File size (KB)": rows["size_kb"],
            "Ours (KB)": rows["ours_size_bytes"] / 1024,
            "Parameters": rows["params"],
            "Ours (parameters)": rows["ours_params"],
            "Our recipe": rows["ours_recipe"],
            "Our seeds": rows["ours_seeds"],
            "Ours from": rows["ours_origin"],
            "Data set": rows["dataset"].fillna("not stated"),
            "Source": rows["source"],
            "Note": rows["note"].fillna(""),
        }
    )
    points = {name: st.column_config.NumberColumn(format="%.2f") for name in ("Test accuracy (%)", "Ours (%)")}
    whole = {name: st.column_config.NumberColumn(format="localized") for name in ("Parameters", "Ours (parameters)")}
    sizes = {name: st.column_config.NumberColumn(format="%.0f") for name in ("File size (KB)", "Ours (KB)")}
    config = {**points, **whole, **sizes, "Difference (points)": st.column_config.NumberColumn(format="%+.2f")}
    st.dataframe(
        frame,
        hide_index=True,
        column_config=config,
        height="content",
        placeholder="",
        alt="Published figures beside our own",
    )


def csv(runs: pd.DataFrame, name: str, *, key: str, label: str = "Download CSV") -> None:
    """Offer the runs as CSV, in the units of the record: joules, bytes, seconds, fractions."""
    st.download_button(
        label,
        lambda: remarks.beside(runs).to_csv(index=False).encode(),
        f"{name}.csv",
        "text/csv",
        key=key,
        icon=":material/download:",
        on_click="ignore",
        help="every key of the records, in joules, bytes and seconds, with tags and notes",
    )


def parquet(runs: pd.DataFrame, name: str, *, key: str) -> None:
    """Offer the runs as Parquet, with the columns and units of the CSV."""
    st.download_button(
        "Parquet",
        lambda: remarks.beside(runs).to_parquet(index=False),
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def latex(points: pd.DataFrame, figures: Sequence[str], measured_on: str, *, key: str) -> None:
    """Offer points as a table for a paper, with intervals and a footnote on the measuring."""
    st.download_button(
        "LaTeX",
        lambda: to_latex(points, figures, measured_on).encode(),
        "points.tex",
        "application/x-tex",
        key=key,
        icon=":material/download:",
        on_click="ignore",
        help="needs the package booktabs",
    )


def _height(frame: pd.DataFrame) -> int:
    return min(420, 38 + 35 * max(1, len(frame)))


def _column(name: str, column: tables.Column) -> ColumnConfig:
    if name == "sparsity":
        return st.column_config.ProgressColumn(
            column.heading, min_value=0, max_value=1, format="percent", width="small"
        )
    if name == "note":
        return st.column_config.TextColumn(column.heading, width="medium")
    if name == "created_at":
        return st.column_config.DatetimeColumn(column.heading, format="YYYY-MM-DD HH:mm")
    if column.decimals is not None:
        return st.column_config.NumberColumn(column.heading, help=column.help or None, format=f"%.{column.decimals}f")
    return st.column_config.Column(column.heading, help=column.help or None)
