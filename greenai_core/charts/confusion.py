"""Which classes a model takes for which, and where two models differ in that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from greenai_core.charts.looks import LAYOUT
from greenai_core.record import Record

PAIRS = 3
"""So many pairs of classes are told."""
MOST_WRITTEN, MOST_NAMED = 12, 30
"""Up to so many classes the numbers stand in the cells; about so many names stand beside an axis."""
CELL, AROUND, TALLEST = 34, 110, 900
"""Height of a row, of what is around the matrix, and of the whole at most, in pixels."""

MORE, LESS, NONE = "rgba(213, 94, 0, 0.75)", "rgba(0, 114, 178, 0.75)", "rgba(127, 127, 127, 0.08)"
"""The orange and blue of `greenai_core.charts.looks`, and next to nothing. The page shines through all of them, so that
they suit light and dark, and text in its own colour can be read on them."""

Counts = npt.NDArray[np.int64]


def classes(record: Record) -> tuple[str, ...]:
    """Return the names of the classes, or their numbers where the record does not name as many as its matrix has."""
    count = len(record.confusion or ())
    named = tuple(map(str, record.provenance.get("classes", ())))
    return named if len(named) == count else tuple(map(str, range(count)))


def heat_map(record: Record, ink: str) -> go.Figure:
    """Draw how often each class (rows) is predicted to be which (columns); only mistakes are coloured.

    Args:
        record: one with a confusion matrix.
        ink: colour of what is written in the cells; that of the page's text.
    """
    counts = _counts(record)
    of_class = counts.sum(axis=1)
    right = np.eye(len(counts), dtype=bool)
    most = max(1, int(counts[~right].max(initial=0)))

    def told(row: int, column: int) -> str:
        share = f"{counts[row, column] / max(of_class[row], 1):.1%}".replace("%", " %")
        return f"{counts[row, column]:,} of {of_class[row]:,} images ({share})"

    return _matrix(
        classes(record),
        np.where(right, np.nan, counts),
        [
            [f"<b>{n}</b>" if row == column else f"{n or ''}" for column, n in enumerate(of)]
            for row, of in _rows(counts)
        ],
        told,
        ink,
        zmin=0,
        zmax=most,
        colorscale=[[0, NONE], [1, MORE]],
        colorbar={"title": {"text": "Mistakes"}, "dtick": max(1, most // 5)},
    )


def difference(first: Record, other: Record, title: str, ink: str) -> go.Figure:
    """Draw how much more often (orange) or less often (blue) the other run gives each answer than the first.

    Args:
        first: a run with a confusion matrix.
        other: one on the same images.
        title: of the scale, such as ``B - A``.
        ink: as of `heat_map`.
    """
    before, after = _counts(first), _counts(other)
    change = after - before
    most = max(1, int(np.abs(change).max(initial=0)))
    return _matrix(
        classes(first),
        change.astype(float),
        [[f"{n:+}" if n else "" for n in of] for _, of in _rows(change)],
        lambda row, column: f"{before[row, column]:,} images, then {after[row, column]:,} ({change[row, column]:+,})",
        ink,
        zmin=-most,
        zmax=most,
        colorscale=[[0, LESS], [0.5, NONE], [1, MORE]],
        colorbar={"title": {"text": title}, "dtick": max(1, most // 3)},
    )


def mistakes(record: Record) -> pd.DataFrame:
    """Return the `PAIRS` classes that are confused most often, with their images and the share of the true class."""
    counts, names = _counts(record), classes(record)
    rows = [
        (names[row], names[column], counts[row, column], f"{counts[row, column] / counts[row].sum():.1%}")
        for row, column in _largest(counts)
    ]
    told = pd.DataFrame(rows, columns=["True class", "Predicted class", "Images", "Of its class"])
    return told.assign(**{"Of its class": told["Of its class"].str.replace("%", " %")})


def changes(first: Record, other: Record, names: Sequence[str]) -> pd.DataFrame:
    """Return the `PAIRS` of different classes whose mistakes differ most between two runs.

    Args:
        first: a run with a confusion matrix.
        other: one on the same images.
        names: headings of the images of the first, of the other, and of the difference.
    """
    before, after, called = _counts(first), _counts(other), classes(first)
    rows = [
        (called[row], called[column], before[row, column], after[row, column], f"{(after - before)[row, column]:+,}")
        for row, column in _largest(np.abs(after - before))
    ]
    return pd.DataFrame(rows, columns=["True class", "Predicted class", *names])


def describe(record: Record) -> str:
    """Say in words what `heat_map` draws, for those who cannot see it."""
    counts = _counts(record)
    wrong = counts.sum() - counts.trace()
    return (
        f"Confusion matrix of {len(counts)} classes, a row per true and a column per predicted class: {wrong:,} of "
        f"{counts.sum():,} images are taken for another class. The table below holds the pairs confused most often."
    )


def describe_difference(first: Record, other: Record, title: str) -> str:
    """Say in words what `difference` draws."""
    change = _counts(other) - _counts(first)
    return (
        f"Difference of two confusion matrices of {len(change)} classes, {title}: {change.trace():+,} images are "
        "recognised. The table below holds the pairs that differ most."
    )


def _counts(record: Record) -> Counts:
    return np.array(record.confusion or np.zeros((0, 0)), dtype=np.int64)


def _rows(counts: Counts) -> list[tuple[int, list[int]]]:
    return list(enumerate(counts.tolist()))


def _largest(amounts: Counts) -> list[tuple[int, int]]:
    """Return the places of the largest amounts off the diagonal, `PAIRS` at most, none of 0."""
    off = amounts * ~np.eye(len(amounts), dtype=bool)
    order = np.argsort(-off, axis=None, kind="stable")[:PAIRS]
    return [divmod(int(place), len(amounts)) for place in order if off.flat[place] > 0]


def _matrix(
    names: Sequence[str],
    shown: npt.NDArray[np.float64],
    written: list[list[str]],
    told: Callable[[int, int], str],
    ink: str,
    **colours: Any,
) -> go.Figure:
    """Draw coloured cells (K, K), what is written on them where there is room, and what hovering tells."""
    places = list(range(len(names)))
    hover = [
        [
            f"{true} {'recognised' if row == column else f'taken for {predicted}'}: {told(row, column)}"
            for column, predicted in enumerate(names)
        ]
        for row, true in enumerate(names)
    ]
    drawn = go.Figure()
    drawn.add_heatmap(
        x=places, y=places, z=shown, text=hover, hovertemplate="%{text}<extra></extra>", xgap=1, ygap=1, **colours
    )
    if len(names) <= MOST_WRITTEN:
        drawn.add_scatter(
            x=places * len(names),
            y=[row for row in places for _ in names],
            text=[text for row in written for text in row],
            mode="text",
            textfont={"color": ink},
            hoverinfo="skip",
            showlegend=False,
        )
    named = places[:: math.ceil(len(names) / MOST_NAMED) or 1]
    plain = {"showgrid": False, "zeroline": False, "tickvals": named, "ticktext": [names[place] for place in named]}
    edges = [-0.5, len(names) - 0.5]
    return drawn.update_layout(
        **LAYOUT,
        height=min(TALLEST, AROUND + CELL * len(names)),
        xaxis={**plain, "title": "Predicted class", "range": edges},
        yaxis={**plain, "title": "True class", "range": edges[::-1]},
    )
