"""The HTML before the pages: Streamlit's own, and what we tell the browser in it."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
from starlette.requests import Request

from pages import shell

OWN = (shell.STATIC / "index.html").read_text("utf-8")
PLOTLY = re.compile(r'<script type="module">import\("\./(?P<path>[^"]+)"\)</script>\n')


def html(page: str) -> str:
    (route,) = (route for route in shell.routes() if route.path == f"/{page}")
    assert isinstance(route.endpoint, partial)
    return bytes(route.endpoint(Request({"type": "http"})).body).decode()


@pytest.mark.parametrize("page", ["", "results", "launch", "jobs"])
def test_a_page_comes_in_the_html_of_streamlit_which_is_told_where_the_server_is(page: str) -> None:
    assert shell.TOLD in html(page)
    assert html(page).replace(f"\n{shell.TOLD}", "") == OWN
    assert html(page).index(shell.TOLD) < html(page).index('<script type="module"')  # those read what is told


def test_explore_loads_plotly_while_the_server_works() -> None:
    found = PLOTLY.search(html("explore"))
    assert found is not None
    assert (shell.STATIC / found["path"]).is_file()
    assert PLOTLY.sub("", html("explore")) == html("results")


def test_where_plotly_is_kept_elsewhere_explore_loads_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text(OWN)
    monkeypatch.setattr(shell, "STATIC", tmp_path)
    assert PLOTLY.search(html("explore")) is None
    assert html("explore") == html("results")
