"""A rig for each test, and nothing left of it afterwards."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import ledger
from tests.faults.rig import ON_PATH, Rig

SCALE = "GREENAI_FAULTS_SCALE"
"""Environment variable: a part of the whole suite's numbers of jobs and kills, 1 if unset."""

SEED = "GREENAI_FAULTS_SEED"
"""Environment variable: repeats the order of the kills of a run that failed."""


@pytest.fixture
def rig(any_store: str, bare_rig: Rig) -> Rig:
    """The rig, on each kind of store."""
    return bare_rig


@pytest.fixture
def bare_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """The rig, on the store that the settings name by then."""
    monkeypatch.setenv(ledger.FOLDER, str(tmp_path / "faults"))
    monkeypatch.setenv("PYTHONPATH", str(ON_PATH))
    rig = Rig(tmp_path / "faults")
    try:
        yield rig
    finally:
        rig.close()


@pytest.fixture
def chance() -> random.Random:
    """What decides by chance; a test that fails says how to have it decide so again."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(10**9))
    print(f"{SEED}={seed}")
    return random.Random(seed)


@pytest.fixture
def scale() -> float:
    return float(os.environ.get(SCALE) or 1.0)
