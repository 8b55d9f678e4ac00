"""A table of points for a paper: LaTeX, with intervals, and with a footnote on how the figures were obtained."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from greenai_core.analysis import tables
from greenai_core.analysis.explore import TERMS
from greenai_core.analysis.figures import LIFETIME, figure
from greenai_core.analysis.lifetime import Lifetime
from greenai_core.wording import KINDS, point

SPECIAL = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"µ": r"\textmu{}", "±": r"$\pm$"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)
"""What LaTeX would take for something else than text."""

METHOD = (
    "Means over the seeds; $\\pm$ is half the width of the 95\\,\\% interval of a mean, by Student's t over the seeds, "
    "or for one seed that of its repeated readings. Choices are made on validation, the test split is only told. "
    "1 KB is 1024 bytes."
)


def table(points: pd.DataFrame, figures: Sequence[str], measured_on: str) -> str:
    """Return a ``tabular`` in booktabs style and a footnote below it.

    Args:
        points: those of `greenai_core.analysis.explore.View.front`, in the order in which they are to stand.
        figures: which figures to show, in this order.
        measured_on: the machines, for the footnote.
    """
    frame, headings = tables.points(points, figures)
    titles = ["Recipe", "Seeds", *(f"{headings[name].heading}{_served(points, name)}" for name in figures)]
    recipes = [point(row) for row in points.to_dict("records")]
    rows = [
        [recipe.translate(SPECIAL), str(seeds), *(_cell(frame, headings[name], name, place) for name in figures)]
        for place, (recipe, seeds) in enumerate(zip(recipes, points["seeds"], strict=True))
    ]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}",
        r"\toprule",
        _row([title.translate(SPECIAL) for title in titles]),
        r"\midrule",
        *map(_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
        rf"\par\footnotesize {METHOD}{_energies(points, figures)} Measured on: {measured_on.translate(SPECIAL)}.",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(frame: pd.DataFrame, column: tables.Column, name: str, place: int) -> str:
    value = frame[name].iloc[place]
    if pd.isna(value):
        return "--"
    half = frame[f"{name}_half"].iloc[place] if f"{name}_half" in frame else None
    if half is None or pd.isna(half):
        return f"${value:.{column.decimals}f}$"
    return rf"${value:.{column.decimals}f} \pm {half:.{column.decimals}f}$"


def _energies(points: pd.DataFrame, figures: Sequence[str]) -> str:
    """Say how the energies among the figures were obtained."""
    said = []
    for name in figures:
        column = figure(name).kind_column
        if column:
            kinds = points.loc[points[name].notna(), column].dropna().unique()
            said += [f" {figure(name).title}{_served(points, name)}: {kind}, {KINDS[kind]}." for kind in kinds]
    return "".join(said).translate(SPECIAL)


def _served(points: pd.DataFrame, name: str) -> str:
    """Say of how many predictions a lifetime is, and how they are served; nothing of other figures."""
    return f", {Lifetime(*points[list(TERMS)].iloc[0]).served_so}" if name == LIFETIME.column else ""
