"""An honest meter passes every proof; one that guesses fails each of them (see `tests.energy.proofs`)."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

from greenai_core.settings import ROOT
from tests.energy.proofs import LIMITS, PROOFS

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pins processes to cores")


@cache
def ratios(proof: str, meter: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.energy.proofs", proof, meter]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(shown)
    return found


def broken(proof: str, meter: str) -> list[str]:
    """Return the ratios that are not what an honest meter shows."""
    found = ratios(proof, meter)
    return [f"{name} {value:.3g}" for name, value in found.items() if not LIMITS[name][0] <= value <= LIMITS[name][1]]


@pytest.mark.parametrize("proof", PROOFS)
def test_our_meter_keeps_what_it_promises(proof: str) -> None:
    assert broken(proof, "cputime") == []


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ["wall", "dice"])
@pytest.mark.parametrize("proof", PROOFS)
def test_a_meter_that_guesses_is_found_out(proof: str, mutant: str) -> None:
    assert broken(proof, mutant)


def test_every_limit_is_asked_for() -> None:
    assert {name for proof in PROOFS for name in ratios(proof, "cputime")} == set(LIMITS)
