"""Runs in a few words, for lists and toasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FLAGS = {
    "shared_machine": "other programs used the processor meanwhile",
    "high_cv": "repeated measurements differ more than they should",
    "too_short": "the work was over before it could be measured well",
}
"""The flags of energy windows, in plain words."""

_TELLING = ("sparsity", "temperature", "epochs")
"""Of a stage's parameters, those that tell one run from another; the first one it has is shown."""


def recipe(stages: Sequence[Mapping[str, Any]]) -> str:
    """Write a recipe: ``train 3 > l1_channel_pruning 0.8 > fine_tune 2``."""
    return " > ".join(_stage(stage) for stage in stages)


def run(spec: Mapping[str, Any]) -> str:
    """Write what a spec in JSON form runs, its seed last."""
    return f"{spec['model']['name']} on {spec['dataset']['name']}: {recipe(spec['recipe'])}, seed {spec['seed']}"


def number(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 run``, ``2,000 runs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def doubt(flag: str) -> str:
    """Write a reason to trust an energy less: ``too_short: the work was over before it could be measured well``."""
    return f"{flag}: {FLAGS[flag]}" if flag in FLAGS else flag


def _stage(stage: Mapping[str, Any]) -> str:
    telling = next((f" {stage[name]:g}" for name in _TELLING if stage.get(name) is not None), "")
    return f"{stage['name']}{telling}"
