"""Where things lie: relative to the folder of app.py, wherever a process is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenai_core.settings import ROOT, settings


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("x.db", f"{ROOT}/x.db"),
        ("a/x.db?timeout=5", f"{ROOT}/a/x.db?timeout=5"),
        ("/tmp/x.db", "/tmp/x.db"),
        (":memory:", ":memory:"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("driver", ["sqlite", "sqlite+pysqlite"])
def test_relative_database_lies_beside_the_app(
    driver: str, given: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"{driver}:///{given}")
    assert settings().database_url == f"{driver}:///{meant}"


def test_server_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_DATABASE_URL", "postgresql://user:word@server/x")
    assert settings().database_url == "postgresql://user:word@server/x"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("files", f"{ROOT}/files"),
        ("/tmp/files", "/tmp/files"),
        ("s3://bucket/files", "s3://bucket/files"),
        ("~/files", "~/files"),
    ],
)
def test_relative_artifacts_lie_beside_the_app(given: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_ARTIFACTS", given)
    assert settings().artifacts == meant


def test_bank_that_is_shipped_is_not_seen_by_tests(own_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().bank == own_store / "bank"
    monkeypatch.delenv("GREENAI_BANK")
    assert settings().bank == ROOT / "results" / "bank"
