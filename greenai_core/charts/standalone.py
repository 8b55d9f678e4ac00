"""A chart as one HTML file that opens without a network."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

import plotly.graph_objects as go


@dataclass(frozen=True)
class Theme:
    """Colours of a page, and the template of plotly that suits them."""

    template: str
    background: str
    text: str


THEMES: dict[Literal["light", "dark"], Theme] = {
    "light": Theme("plotly_white", "#FFFFFF", "#16241D"),
    "dark": Theme("plotly_dark", "#101614", "#E6EEEA"),
}
"""Those of the dashboard, as in .streamlit/config.toml: a figure itself carries none."""


def page(figure: go.Figure, *, name: str, caption: str, theme: Literal["light", "dark"]) -> str:
    """Return an HTML page with the figure, its data and plotly.js itself (about 5 MB).

    Args:
        figure: is left as it is.
        name: of pictures that are taken of the chart there.
        caption: stands below the chart, and is what a screen reader says of it.
        theme: which colours.
    """
    colours = THEMES[theme]
    themed = go.Figure(figure).update_layout(
        template=colours.template,
        paper_bgcolor=colours.background,
        plot_bgcolor=colours.background,
        font={"color": colours.text},
    )
    chart = themed.to_html(
        full_html=False,
        include_plotlyjs=True,
        config={"displaylogo": False, "responsive": True, "toImageButtonOptions": {"filename": name, "scale": 2}},
    )
    said = escape(caption, quote=True)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(name)}</title>\n'
        f"<style>body {{ margin: 1rem; font-family: sans-serif; background: {colours.background}; "
        f"color: {colours.text}; }} figure {{ margin: 0; }}</style>\n</head>\n"
        f'<body>\n<figure aria-label="{said}">\n{chart}\n<figcaption>{said}</figcaption>\n</figure>\n</body>\n</html>\n'
    )
