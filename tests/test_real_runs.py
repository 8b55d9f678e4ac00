"""The product's main job on real input, through the command line as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.test_spec import EXAMPLE

SHARED = Path(os.environ.get("GREENAI_TEST_DATA_DIR", Path(__file__).parents[2] / "shared" / "data"))

pytestmark = pytest.mark.slow


def command(*arguments: str) -> Any:
    """Run a command of the product; returns what it printed, decoded."""
    done = subprocess.run(
        [sys.executable, "-m", "greenai_core", *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def written(folder: Path, document: dict[str, Any]) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_example_passes_nine_tenths_for_any_seed(seed: int, tmp_path: Path) -> None:
    measurement = {"profile": "none"} if seed else {"profile": "quick"}
    file = written(tmp_path, {**EXAMPLE, "seed": seed, "measurement": measurement})
    foreseen = command("preview", file)
    record = command("run", file)
    assert record["accuracy"] > 0.9
    assert record["params"] == foreseen["params"] == 241_936
    assert foreseen["size_bytes"] == pytest.approx(record["size_bytes"], rel=0.03)
    assert record["energy_train_j"] > 0
    assert command("run", file) == record, "the second time it is answered from the store"


@pytest.mark.skipif(not (SHARED / "FashionMNIST").is_dir(), reason="the genuine Fashion-MNIST files are not here")
def test_genuine_fashion_mnist_from_spec_to_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_DATA_DIR", str(SHARED))
    dense = {"name": "train", "epochs": 1}
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [dense]}
    recipes = {
        "mnist_cnn": [dense, {"name": "l1_channel_pruning", "sparsity": 0.8}, {"name": "fine_tune", "epochs": 1}],
        "mlp_student": [{"name": "distill", "epochs": 2, "teacher": teacher}],
    }
    found = {
        model: command(
            "run",
            written(
                tmp_path, {**EXAMPLE, "dataset": {"name": "fashion_mnist"}, "model": {"name": model}, "recipe": recipe}
            ),
        )
        for model, recipe in recipes.items()
    }
    assert found["mnist_cnn"]["accuracy"] > 0.86 and found["mlp_student"]["accuracy"] > 0.82
    assert found["mlp_student"]["stages"][0]["teacher"][0]["cached"], "the pruned run has trained the teacher already"
    (front,) = command("front", "--objectives", "accuracy_val,size_bytes,energy_per_sample_j")["fronts"]
    assert {run for point in front["points"] for run in point["run_ids"]} <= {r["run_id"] for r in found.values()}
