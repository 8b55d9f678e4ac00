"""The dashboard: ``streamlit run app.py``. The frame and the pages are in pages/; the work is done by greenai_core."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import streamlit as st

from greenai_core.errors import BadInput
from greenai_core.jobs import previews, supervisor
from pages import shell


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """See to it that a supervisor runs while the dashboard does; it outlives the dashboard and its jobs go on."""

    async def keep_alive() -> None:
        while True:
            with contextlib.suppress(BadInput):  # a store that cannot be used: every page says so
                await asyncio.to_thread(supervisor.keep_alive)
            await asyncio.sleep(30)

    background = [asyncio.create_task(keep_alive()), asyncio.create_task(asyncio.to_thread(previews.warm_up))]
    yield
    for task in background:
        task.cancel()


app = st.App(shell.PAGES / "main.py", lifespan=lifespan, routes=shell.routes())
