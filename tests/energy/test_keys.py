"""Comparability keys: equal where figures compare, different where they do not."""

from __future__ import annotations

from typing import Any

import pytest

from greenai_core.energy.keys import inference_key, training_key

MACHINE = {"processor_family": "GenuineIntel family 6 model 167", "cpu_model": "Xeon", "cores": 2, "machine_id": "a"}
TRAINING: dict[str, Any] = {
    "machine": MACHINE,
    "source": "cputime",
    "constants": {"w_per_core": 4.0},
    "threads": 2,
    "device": "cpu",
}
INFERENCE: dict[str, Any] = {**TRAINING, "threads": 1, "runtime": "onnxruntime 1", "batch": 256}
OTHER: dict[str, Any] = {
    "machine": {**MACHINE, "cores": 4},
    "source": "rapl",
    "constants": {"w_per_core": 5.0},
    "threads": 8,
    "device": "cuda",
    "runtime": "torch 2",
    "batch": 64,
}


@pytest.mark.parametrize("part", sorted(TRAINING))
def test_every_part_separates_training(part: str) -> None:
    assert training_key(**{**TRAINING, part: OTHER[part]}) != training_key(**TRAINING)


@pytest.mark.parametrize("part", sorted(INFERENCE))
def test_every_part_separates_inference(part: str) -> None:
    assert inference_key(**{**INFERENCE, part: OTHER[part]}) != inference_key(**INFERENCE)


def test_two_machines_of_one_kind_compare() -> None:
    twin = {**MACHINE, "machine_id": "b", "os": "another"}
    assert training_key(**{**TRAINING, "machine": twin}) == training_key(**TRAINING)


def test_whole_watts_are_the_same_constant() -> None:
    assert training_key(**{**TRAINING, "constants": {"w_per_core": 4}}) == training_key(**TRAINING)


def test_training_and_inference_never_share_a_key() -> None:
    assert training_key(**TRAINING) != inference_key(**{**INFERENCE, "threads": 2})
