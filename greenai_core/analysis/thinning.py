"""Which of very many points are drawn: all that matter, and so many others that the cloud keeps its shape."""

from __future__ import annotations

import numpy as np

MOST = 2000
"""Points drawn at most besides those that are kept; a browser takes as many without a delay that one notices."""

FINEST = 256
"""Cells of the grid along each axis at most: a cell is then about half as wide as a marker. So many cells, squared, fit
16 bits, which numpy sorts in linear time."""


def thin(x: np.ndarray, y: np.ndarray, keep: np.ndarray, most: int = MOST) -> np.ndarray:
    """Choose which points to draw, by the cells of a grid over the drawn axes.

    All of `keep` are drawn. Of the others, first those at either end of an axis, so that the axes do not change; then
    one of every occupied cell of the finest grid (by halving the cells) that has no more occupied cells than points are
    left to choose; then a second one of every cell, and so on. So single points stay, and where there are more points
    more are drawn. The same points give the same choice; within a cell the first ones are taken.

    Args:
        x: positions as drawn (n,): the logarithm, where the axis is logarithmic.
        y: likewise (n,).
        keep: True for what must be drawn (n,), such as the front and what is selected.
        most: how many of the other points to draw at most.

    Returns:
        Indices of the points to draw, ascending.

    Raises:
        ValueError: the three differ in length, a position is NaN or infinite, or `most` is negative.
    """
    x, y, keep = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(keep, dtype=bool)
    if not x.shape == y.shape == keep.shape == (len(x),):
        raise ValueError(f"expected three arrays (n,), got {x.shape}, {y.shape} and {keep.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a point without a finite position cannot be drawn; leave it out")
    if most < 0:
        raise ValueError(f"most must be 0 or more, got {most}")
    if len(x) - int(keep.sum()) <= most:
        return np.arange(len(x))
    drawn = keep.copy()
    ends = np.array([axis.argmin() if low else axis.argmax() for axis in (x, y) for low in (True, False)])
    ends = np.unique(ends[~keep[ends]])[:most]
    drawn[ends] = True
    others = np.flatnonzero(~drawn)
    drawn[others[_by_cell(_places(x)[others], _places(y)[others], most - len(ends))]] = True
    return np.flatnonzero(drawn)


def count(drawn: int, total: int) -> str:
    """Say how many points are drawn: ``2,000 of 100,000 shown``; empty where all are."""
    return f"{drawn:,} of {total:,} shown" if drawn < total else ""


def _places(axis: np.ndarray) -> np.ndarray:
    """Return the place of each value among `FINEST` equal parts of the axis."""
    low, high = axis.min(), axis.max()
    share = (axis / 2 - low / 2) / (
        high / 2 - low / 2 or 1.0
    )  # halves, since the difference of two floats may overflow
    return np.minimum((share * FINEST).astype(np.intp), FINEST - 1)


def _by_cell(columns: np.ndarray, rows: np.ndarray, budget: int) -> np.ndarray:
    """Return so many indices of points, spread over the occupied cells as evenly as their numbers allow."""
    width = _width(columns, rows, budget)
    side = FINEST // width
    cells = (columns // width * side + rows // width).astype(np.uint16)
    order = np.argsort(cells, kind="stable")
    held = np.bincount(cells, minlength=side * side)
    turn = np.arange(len(cells)) - np.repeat(np.cumsum(held) - held, held)  # of a point within its cell, by `order`
    full = _full_turns(held, budget)
    certain, next_turn = order[turn < full], order[turn == full]
    return np.concatenate([certain, _spread(next_turn, budget - len(certain))])


def _width(columns: np.ndarray, rows: np.ndarray, budget: int) -> int:
    """Return how many of the finest cells are joined along each axis so that at most `budget` cells are occupied."""
    occupied = np.zeros((FINEST, FINEST), dtype=bool)
    occupied[columns, rows] = True
    width = 1
    while occupied.sum() > budget and width < FINEST:
        occupied = occupied[::2] | occupied[1::2]
        occupied = occupied[:, ::2] | occupied[:, 1::2]
        width *= 2
    return width


def _full_turns(held: np.ndarray, budget: int) -> int:
    """Return how many points of each cell (or all it holds) can be taken without exceeding `budget`."""
    low, high = 0, int(held.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(held, middle).sum() <= budget else (low, middle - 1)
    return low


def _spread(candidates: np.ndarray, number: int) -> np.ndarray:
    """Return so many of the candidates, evenly from first to last."""
    return candidates[np.linspace(0, len(candidates), number, endpoint=False).astype(np.intp)]
