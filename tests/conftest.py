"""Every test has a store, artifacts and data of its own; none can touch results/."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenai_core.store import database
from tests import postgres


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sqlite_only: what is tested is a file; PostgreSQL has none")
    config.addinivalue_line("markers", "slow_on_postgresql: slow, where the store is a server")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run whatever uses `any_store` on every kind of store."""
    if "any_store" not in metafunc.fixturenames:
        return
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    server = pytest.param("postgresql", marks=[pytest.mark.slow] if "slow_on_postgresql" in marks else [])
    metafunc.parametrize("any_store", ["sqlite", *([] if "sqlite_only" in marks else [server])], indirect=True)


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point every setting that names a place at this test's own folder; returns the folder."""
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"sqlite:///{tmp_path / 'greenai.db'}")
    monkeypatch.setenv("GREENAI_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("GREENAI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GREENAI_BANK", str(tmp_path / "bank"))
    monkeypatch.setenv("GREENAI_POWERCAP_ROOT", str(tmp_path / "powercap"))  # the same sources on every machine
    monkeypatch.setenv("GREENAI_HOST_ID", f"test-host-{os.getpid()}")  # its slots are its own, too
    monkeypatch.setenv("GREENAI_IDLE_EXIT_S", "5")
    unset = ("COUNTRY", "LAUNCH_TOKEN", "WATTS_PER_CORE", "EXECUTOR", "RAY_ADDRESS", "CHECKPOINTS_CAP_MB")
    for name in unset:
        monkeypatch.delenv(f"GREENAI_{name}", raising=False)
    yield tmp_path
    for opened, _ in database._engines.values():
        opened.dispose()
    database._engines.clear()


@pytest.fixture
def any_store(request: pytest.FixtureRequest) -> str:
    """The store is an SQLite file, then a PostgreSQL database; returns which: "sqlite" or "postgresql"."""
    if request.param == "postgresql":
        request.getfixturevalue("postgres_store")
    return str(request.param)


@pytest.fixture
def postgres_store(own_store: Path, postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store is an empty one on a PostgreSQL server; returns its URL."""
    url = postgres_server.empty()
    monkeypatch.setenv("GREENAI_DATABASE_URL", url)
    return url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """The server of all tests that need one; they skip where there can be none, unless one is required."""
    try:
        with postgres.Server() as server:
            yield server
    except postgres.NoServer as error:
        if os.environ.get("GREENAI_TEST_REQUIRE_POSTGRES") == "1":
            raise
        pytest.skip(str(error))
