"""Runs in a few words, for lists and toasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FLAGS = {
    "shared_machine": "other programs used the processor meanwhile",
    "high_cv": "its 95 % interval is wider than 5 % of it",
    "too_short": "the work was over before it could be measured well",
    "no_idle": "the machine's idle power is not known, so it is not subtracted",
    "shared_gpu": "other processes used the graphics card meanwhile",
}
"""The flags of energy windows, in plain words."""

KINDS = {
    "measured": "read from a counter of the hardware that did the work",
    "apportioned": "a counter of the whole machine, shared out by processor time",
    "estimated": "processor time multiplied by an assumed power per core; no counter was read",
}
"""How an energy was obtained, in plain words."""

_COUNTS_ALL = "it reads a counter of the whole processor: neighbours and the idle machine are in its joules"

CODECARBON = {
    "constant": "it multiplies an assumed power by the duration: waiting is in its joules",
    "intel_rapl": _COUNTS_ALL,
    "intel_power_gadget": _COUNTS_ALL,
    "windows_emi": _COUNTS_ALL,
}
"""Why codecarbon's joules are others than ours, by its mode; in mode cpu_load that depends on the watts assumed."""

_TELLING = ("sparsity", "temperature", "epochs")
"""Of a stage's parameters, those that tell one run from another; the first one it has is shown."""


def recipe(stages: Sequence[Mapping[str, Any]]) -> str:
    """Write a recipe: ``train 3 > l1_channel_pruning 0.8 > fine_tune 2``."""
    return " > ".join(_stage(stage) for stage in stages)


def run(spec: Mapping[str, Any]) -> str:
    """Write what a spec in JSON form runs, its seed last."""
    return f"{spec['model']['name']} on {spec['dataset']['name']}: {recipe(spec['recipe'])}, seed {spec['seed']}"


def point(row: Mapping[str, Any]) -> str:
    """Write which recipe a row of a table of runs or points is: ``mnist_cnn, l1_channel_pruning, sparsity 0.80``."""
    sparsity = f", sparsity {row['sparsity']:.2f}" if row["sparsity"] else ""
    temperature = f", temperature {row['temperature']:g}" if row["temperature"] == row["temperature"] else ""
    return f"{row['network']}, {row['technique']}{sparsity}{temperature}"


def standing(row: Mapping[str, Any]) -> str:
    """Write how sure a point's place is: ``on the front in 83 % of draws``."""
    tied = ", tied with the front" if row["tied"] else ""
    if row["on_front"] != row["on_front"]:
        return f"how sure its place is, is unknown: one seed each{tied}"
    return f"on the front in {row['on_front']:.0%} of draws{tied}".replace("%", " %")


def number(count: int, noun: str) -> str:
    """Write a count with its noun: ``1 run``, ``2,000 runs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def differing(runs: int, example: str) -> str:
    """Write, as the end of a sentence, of how many known runs a file says something else; nothing where of none."""
    if not runs:
        return ""
    found = f"1 of them differs from what is stored here: {example}"
    if runs > 1:
        found = f"{runs:,} of them differ from what is stored here, such as {example}"
    return f"; {found}; what is stored was kept"


def ending(status: str, why: str) -> str:
    """Write how a run ended that did not succeed: ``This run failed: the loss is not a number.``."""
    verb = "was aborted" if status == "aborted" else status
    return f"This run {verb}: {why}".rstrip(".: ") + "."


def doubt(flag: str) -> str:
    """Write a reason to trust an energy less: ``too_short: the work was over before it could be measured well``."""
    return f"{flag}: {FLAGS[flag]}" if flag in FLAGS else flag


def _stage(stage: Mapping[str, Any]) -> str:
    telling = next((f" {stage[name]:g}" for name in _TELLING if stage.get(name) is not None), "")
    return f"{stage['name']}{telling}"
