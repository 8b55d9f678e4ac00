"""A chart as a page of its own: everything in it, nothing fetched."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import plotly.graph_objects as go
import pytest

from greenai_core.charts import standalone

CONFIG = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"


def written(theme: str) -> str:
    figure = go.Figure(go.Scatter(x=[1.25, 2], y=[3, 4], customdata=["run-a", "run-b"]))
    before = figure.to_json()
    html = standalone.page(figure, name="a_front", caption="2 points <of> 3", theme=theme)  # type: ignore[arg-type]
    assert figure.to_json() == before
    return html


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_the_data_the_library_and_the_colours_of_the_dashboard(theme: str) -> None:
    html = written(theme)
    colours = tomllib.loads(CONFIG.read_text("utf-8"))["theme"][theme]
    assert "run-a" in html and "1.25" in html
    assert "plotly.js v" in html and not re.search(r"<(script|link)[^>]+(src|href)=", html)
    assert colours["backgroundColor"] in html and colours["textColor"] in html
    assert "a_front" in html


def test_the_caption_is_shown_and_read_out_as_text() -> None:
    html = written("light")
    assert '<figure aria-label="2 points &lt;of&gt; 3">' in html
    assert "<figcaption>2 points &lt;of&gt; 3</figcaption>" in html
