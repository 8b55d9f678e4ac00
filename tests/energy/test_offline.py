"""A whole run on a machine without any network: nothing is looked up, nothing is missing, and carbon is not guessed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import runpy, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print("NETWORK", event, arguments, file=sys.stderr)
        raise OSError("the network is blocked")

sys.addaudithook(refuse)
sys.argv = ["greenai_core", *sys.argv[1:]]
runpy.run_module("greenai_core", run_name="__main__", alter_sys=True)
"""
SPEC = {
    "dataset": {"name": "digits"},
    "model": {"name": "mlp_student"},
    "recipe": [{"name": "train", "epochs": 1}],
}


@pytest.mark.parametrize("country", [None, "NLD"])
def test_a_run_needs_no_network(country: str | None, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(SPEC))
    environment = {**os.environ, **({"GREENAI_COUNTRY": country} if country else {})}
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run", str(spec)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "NETWORK" not in done.stderr
    record = json.loads(done.stdout)
    assert record["status"] == "succeeded"
    assert record["energy_train_j"] > 0
    assert record["energy_per_sample_j"] > 0
    assert record["stages"][0]["window"]["codecarbon"]["mode"] is not None
    if country:
        assert record["carbon_train_g"] > 0
        assert record["carbon_intensity"] == record["carbon_intensity"] | {"level": "country", "year": 2023}
    else:
        assert record["carbon_train_g"] is None
        assert "GREENAI_COUNTRY" in record["notes"]["carbon_train_g"]
