"""The price tag: what a run will take, from what stages like its own took on this machine.

A stage that trains is scaled by its work: multiply-accumulates x images x epochs, three times over (forward, and two
products backward). Which stored stages it is scaled from is decided by likeness, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

HISTORY = ("name", "dataset", "model", "epochs", "images", "macs", "extra_macs", "cpu_s", "wall_s", "energy_j")
"""Columns of the stored stages, named and meant as in `PlannedStage` and in a stage's record; a missing one is unknown.
One row per stage that ran (none that came from the cache) under the caller's training key."""

PRODUCTS_PER_MAC = 3
"""Forward, gradient of the weights, gradient of the input."""

ASSUMED_MACS_PER_CPU_S = 15e9
"""Used on an empty store. Geometric mean of what training reached per core of a server with AVX-512: 58e9 (mnist_cnn in
bfloat16), 15e9 (mlp_student), 4e9 (mobilenet_v3_small); so it can be wrong by a factor of four either way."""

ASSUMED_STEP_CPU_S = 0.3
"""Used on an empty store for a stage that does not train: pruning a network of this size, dependency graph included."""

MEASURING_S = {"none": 0.0, "quick": 3.0, "full": 15.0}
"""Seconds of one core that export, parity check and timing take, by profile, where CPU time is counted; set by the
windows of `greenai_core.timing.PROFILES`, so nearly the same for every model, and proportional to the meter's least
window."""

MEASURING_WINDOW_S = 0.3
"""The least window that `MEASURING_S` was found with."""

SIMILAR_MACS = 1.5
"""Stages whose networks differ by less than this factor are preferred: a small network wastes more of each second."""


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """A stage that is not stored yet.

    Attributes:
        name: the technique.
        dataset: name of the data set.
        model: name of the model.
        epochs: passes over the training images; 0 if it does not train.
        images: training images of one epoch.
        macs: multiply-accumulates of one forward pass of the network that is trained.
        trains: whether an optimizer runs; else the stage takes as long as such stages take.
        extra_macs: multiply-accumulates of the whole stage besides, such as all forward passes of a teacher.
    """

    name: str
    dataset: str
    model: str
    epochs: int
    images: int
    macs: int
    trains: bool
    extra_macs: float = 0.0

    @property
    def work(self) -> float:
        """Multiply-accumulates of the whole stage."""
        return PRODUCTS_PER_MAC * self.macs * self.images * self.epochs + self.extra_macs


@dataclass(frozen=True)
class Cost:
    """Predicted seconds and joules, and the sentence that says what they rest on."""

    wall_s: float
    cpu_s: float
    energy_j: float
    basis: str


@dataclass(frozen=True)
class Price:
    """What a run will take: its stages in order, its measuring, and the sum."""

    stages: tuple[Cost, ...]
    measuring: Cost
    total: Cost


def predict(
    planned: Sequence[PlannedStage],
    history: pd.DataFrame,
    *,
    profile: Literal["none", "quick", "full"],
    min_window_s: float,
    watts_per_core: float,
    threads: int,
) -> Price:
    """Predict what the stages that are not stored yet will take, and the measuring after them.

    Args:
        planned: those stages; none if everything is stored.
        history: stored stages with the columns of `HISTORY`; may be empty.
        profile: how the run is measured.
        min_window_s: least window of the meter, see `greenai_core.energy.meter.EnergyMeter.min_window_s`.
        watts_per_core: assumed power of a busy core, for what no stored stage tells.
        threads: threads of training, for the wall time of what no stored stage tells.
    """
    known = history.reindex(columns=list(HISTORY)).dropna(subset=["cpu_s", "wall_s"])
    stages = tuple(_stage(stage, known, watts_per_core, threads) for stage in planned)
    measuring_s = MEASURING_S[profile] * min_window_s / MEASURING_WINDOW_S
    measuring = _on_one_core(measuring_s, watts_per_core, f"measuring ({profile}): set by its windows")
    parts = (*stages, measuring)
    total = Cost(
        wall_s=sum(part.wall_s for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
        energy_j=sum(part.energy_j for part in parts),
        basis=_together([stage.basis for stage in stages]),
    )
    return Price(stages, measuring, total)


def _stage(stage: PlannedStage, history: pd.DataFrame, watts_per_core: float, threads: int) -> Cost:
    for rows, words in _alike(stage, history):
        if not rows.empty:
            scale = stage.work / _work(rows) if stage.trains else pd.Series(1.0, rows.index)
            return _scaled(rows, scale, f"{_count(len(rows), words)} on this machine", watts_per_core)
    if not stage.trains:
        basis = f"no stored run: assumed {ASSUMED_STEP_CPU_S:g} s for {stage.name}"
        return _on_one_core(ASSUMED_STEP_CPU_S, watts_per_core, basis)
    cpu_s = stage.work / ASSUMED_MACS_PER_CPU_S
    basis = f"no stored run: assumed {ASSUMED_MACS_PER_CPU_S / 1e9:g} billion multiply-accumulates per CPU-second"
    return Cost(cpu_s / threads, cpu_s, cpu_s * watts_per_core, basis)


def _on_one_core(seconds: float, watts_per_core: float, basis: str) -> Cost:
    return Cost(seconds, seconds, seconds * watts_per_core, basis)


def _alike(stage: PlannedStage, history: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, str]]:
    """Yield stored stages of falling likeness, with words for them."""
    trained = history["epochs"].fillna(0) > 0
    candidates = history[trained & (history["macs"] * history["images"] > 0)] if stage.trains else history[~trained]
    same_name = candidates["name"] == stage.name
    same_model = candidates["model"] == stage.model
    same_dataset = candidates["dataset"] == stage.dataset
    yield (
        _of_similar_size(candidates[same_name & same_model & same_dataset], stage),
        f"{stage.name} stage of {stage.model} on {stage.dataset}",
    )
    if stage.trains:
        yield _of_similar_size(candidates[same_model], stage), f"training stage of {stage.model}"
        yield _of_similar_size(candidates, stage), "training stage of any model"
    else:
        yield candidates[same_name], f"{stage.name} stage of any model"


def _of_similar_size(rows: pd.DataFrame, stage: PlannedStage) -> pd.DataFrame:
    """Return the rows whose network has about as many multiply-accumulates, or all if there is none."""
    ratio = rows["macs"] / stage.macs
    near = rows[(ratio < SIMILAR_MACS) & (ratio > 1 / SIMILAR_MACS)]
    return rows if near.empty else near


def _work(rows: pd.DataFrame) -> pd.Series[float]:
    return PRODUCTS_PER_MAC * rows["macs"] * rows["images"] * rows["epochs"] + rows["extra_macs"].fillna(0.0)


def _scaled(rows: pd.DataFrame, scale: pd.Series[float], basis: str, watts_per_core: float) -> Cost:
    """Return the medians of the rows, each scaled; joules that are unknown follow from the CPU-seconds."""
    energy_j = rows["energy_j"].fillna(rows["cpu_s"] * watts_per_core)
    return Cost(
        wall_s=float((rows["wall_s"] * scale).median()),
        cpu_s=float((rows["cpu_s"] * scale).median()),
        energy_j=float((energy_j * scale).median()),
        basis=basis,
    )


def _count(number: int, words: str) -> str:
    return f"{number} stored {words if number == 1 else words.replace(' stage', ' stages', 1)}"


def _together(sentences: Sequence[str]) -> str:
    """Join what the stages rest on, each said once."""
    return "; ".join(dict.fromkeys(sentences)) or "every stage is stored"
