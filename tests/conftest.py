"""Every test has a store, artifacts and data of its own; none can touch results/."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point every setting that names a place at this test's own folder; returns the folder."""
    monkeypatch.setenv("GREENAI_DATABASE_URL", f"sqlite:///{tmp_path / 'greenai.db'}")
    monkeypatch.setenv("GREENAI_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("GREENAI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GREENAI_BANK", str(tmp_path / "bank"))
    monkeypatch.setenv("GREENAI_POWERCAP_ROOT", str(tmp_path / "powercap"))  # the same sources on every machine
    monkeypatch.setenv("GREENAI_HOST_ID", "test-host")
    monkeypatch.setenv("GREENAI_IDLE_EXIT_S", "5")
    for name in ("GREENAI_COUNTRY", "GREENAI_LAUNCH_TOKEN", "GREENAI_WATTS_PER_CORE", "GREENAI_EXECUTOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
