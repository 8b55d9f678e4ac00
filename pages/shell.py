"""The HTML that a browser loads first: Streamlit's own, with a word on where the server is and what will be needed.

Without the first word the browser looks for the server below the page's address (`/explore/_stcore/health`), is
refused, waits a tenth of a second, asks one level up, and connects when that has answered; with it, it connects at once
(health and host-config bypass, https://github.com/streamlit/streamlit/pull/13342). The second word lets a page that
begins with a chart load plotly, the largest script by far, while the server is at work. Below a `server.baseUrlPath`
the page comes in Streamlit's own HTML, and works as well.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit import file_util

PAGES: Final = Path(__file__).parent
FRAME: Final = {"__init__", "main", "shell"}
"""Modules beside the pages."""
STATIC: Final = Path(file_util.get_static_dir())
BEGINS_WITH_A_CHART: Final = "explore"

TOLD: Final = """<script>
  window.__streamlit = {
    BACKEND_BASE_URL: new URL(".", document.baseURI).href,
    HOST_CONFIG: { allowedOrigins: [window.location.origin], useExternalAuthToken: false },
  }
</script>
"""
"""The server is where the relative addresses of the HTML lead; nobody but our own pages may send it messages."""


def routes() -> list[Route]:
    """Return what answers at the address of each page."""
    names = ["", *sorted({page.stem for page in PAGES.glob("*.py")} - FRAME)]
    return [Route(f"/{name}", partial(_html, chart=name == BEGINS_WITH_A_CHART)) for name in names]


def _html(request: Request, *, chart: bool) -> HTMLResponse:
    own = (STATIC / "index.html").read_text(encoding="utf-8")
    told = TOLD + (_plotly() if chart else "")
    return HTMLResponse(own.replace("</title>", f"</title>\n{told}", 1), headers={"Cache-Control": "no-cache"})


def _plotly() -> str:
    """Return the tag that loads Streamlit's plotly; empty where it is kept elsewhere, and loaded when it is needed."""
    found = next((STATIC / "static" / "js").glob("PlotlyChart.*.js"), None)
    return f'<script type="module">import("./{found.relative_to(STATIC).as_posix()}")</script>\n' if found else ""
