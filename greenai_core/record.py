"""What came out: the frozen result of one run. Every number has its unit in its name; unknown is None, never 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, computed_field

from greenai_core.errors import BadInput
from greenai_core.spec import Frozen, digest

EnergyKind = Literal["measured", "apportioned", "estimated"]

CERTAINTY: tuple[EnergyKind, ...] = ("estimated", "apportioned", "measured")
"""From least to most sure."""


def least_sure(kinds: Iterable[str | None]) -> EnergyKind | None:
    """Return the least sure of some kinds: a sum is as sure as its least sure part. None where none is known."""
    known = set(kinds)
    return next((kind for kind in CERTAINTY if kind in known), None)


_IN_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00")


def utc(text: str) -> str:
    """Write `created_at` in the one form that is stored, in UTC: such texts sort as the times do.

    Args:
        text: in ISO 8601; without an offset it is UTC already.

    Raises:
        BadInput: it is no time.
    """
    try:
        stated = datetime.fromisoformat(text)
        return (stated if stated.tzinfo else stated.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise BadInput(f"created_at: {text[:60]!r} is no time in ISO 8601, such as 2026-01-31T12:00:00Z.") from None


def utc_if_time(text: str) -> str:
    """Write `created_at` as `utc` does, and leave what is no time as it is: what is stored stays readable."""
    if _IN_UTC.fullmatch(text):  # as all texts of very many records are: parsing them takes five times as long
        return text
    with suppress(BadInput):
        return utc(text)
    return text


class StageRecord(Frozen):
    """What one stage of the recipe cost when it ran, and what it left behind."""

    name: str
    key: str = Field(description="prefix-cache key of the checkpoint after this stage")
    dataset: str
    model: str
    epochs: int = Field(
        description="passes over the training images, those planned where the stage did not end; 0: nothing was trained"
    )
    images: int = Field(description="training images of one epoch")
    macs: int | None = Field(description="multiply-accumulates of one forward pass of the network the stage was given")
    params: int | None = Field(description="of what the stage left behind; None: it did not end")
    nonzero_params: int | None
    accuracy_val: float | None = Field(description="validation accuracy after the stage, in [0, 1]; None: as params")
    extra_macs: int = Field(0, description="multiply-accumulates besides training: forward passes of a teacher")
    energy_j: float | None = Field(
        description="joules of the stage when it ran; without its teacher and without watching the validation accuracy"
    )
    cpu_s: float
    wall_s: float
    cached: bool = Field(description="True: taken from the store, the figures are those of the run that made it")
    training_key: str = Field(description="comparability key of energy_j")
    window: dict[str, Any] = Field(
        description="the energy window of the stage, see greenai_core.energy.window.Window; where its status is "
        "aborted the stage did not end, and the figures are those until then"
    )
    curve: tuple[dict[str, float], ...] = Field((), description="per epoch: epoch, loss, accuracy_val, lr, energy_j")
    resumed: dict[str, Any] | None = Field(
        None,
        description="what earlier attempts spent on the epochs that were taken over from them: epoch (how many those "
        "are), energy_j, cpu_s, wall_s. The stage's figures contain it; what this run spent does not, nor does "
        "`window`, of which only kind and quality are those of the sum. None: the stage ran in one go",
    )
    teacher: tuple[StageRecord, ...] = Field((), description="stages of the teacher that this stage was taught by")

    @property
    def ended(self) -> bool:
        """Whether the stage was carried through; else its figures say nothing about what such a stage costs."""
        return self.window.get("status") != "aborted"


def with_teachers(stages: Sequence[StageRecord]) -> Iterator[StageRecord]:
    """Yield each stage, followed by those of its teachers."""
    for stage in stages:
        yield stage
        yield from with_teachers(stage.teacher)


class Comparability(Frozen):
    """Points may be ranked against each other where the keys of the quantities compared are equal."""

    quality: str
    training: str | None
    inference: str | None


class InferenceMeasurement(Frozen):
    """One timing of a model: what it was measured with and what came out."""

    inference_key: str
    measured_at: str
    runtime: str = Field(description="onnxruntime or torch, with its version")
    threads: int
    throughput_batch: int
    latency_ms: float = Field(description="median of one forward pass at batch 1")
    throughput: float = Field(description="samples per second at throughput_batch")
    energy_per_sample_j: float | None = Field(description="joules per sample at throughput_batch")
    energy_per_sample_ci95_j: float | None = Field(None, description="half-width of the 95 % interval of the mean")
    energy_per_sample_b1_j: float | None = Field(description="joules per sample at batch 1")
    energy_per_sample_b1_ci95_j: float | None = Field(None, description="half-width of the 95 % interval of the mean")
    energy_kind: EnergyKind
    quality: tuple[str, ...] = Field((), description="flags: too_short, shared_machine, shared_gpu, no_idle, high_cv")
    windows: tuple[dict[str, Any], ...] = Field(description="the energy windows behind the joules")
    environment: dict[str, Any]


class Record(Frozen):
    """The result of a run; the keys are a contract with scripts (README, "The record")."""

    schema_version: Literal[1] = 1
    run_id: str
    spec_id: str
    status: Literal["succeeded", "failed", "aborted"] = Field(
        description="aborted: cancelled, interrupted or killed; unless it succeeded, `stages` and `energy_spent_j` are "
        "those until then, and no choice or comparison counts the run"
    )
    created_at: Annotated[str, AfterValidator(utc_if_time)] = Field(description="UTC, ISO 8601; see `utc`")
    dataset: str
    model: str
    recipe: tuple[dict[str, Any], ...]
    seed: int
    spec: dict[str, Any] = Field(description="the complete spec, measurement included")

    accuracy: float | None = Field(None, description="test split, [0, 1]; reported, never used to choose")
    accuracy_val: float | None = Field(None, description="validation split, [0, 1]; every choice uses this one")
    accuracy_train: float | None = None
    f1_macro: float | None = Field(None, description="test split")
    confusion: tuple[tuple[int, ...], ...] | None = Field(None, description="test split; rows are true classes")

    params: int | None = None
    nonzero_params: int | None = None
    macs: int | None = Field(None, description="multiply-accumulates of one forward pass, batch 1, dense")
    size_bytes: int | None = Field(None, description="bytes of the file that would be deployed")

    latency_ms: float | None = None
    throughput: float | None = None
    energy_train_j: float | None = Field(
        None, description="making the model from nothing; cached stages and teacher included"
    )
    energy_spent_j: float | None = Field(None, description="all that this run spent, measuring included")
    energy_per_sample_j: float | None = None
    energy_per_sample_b1_j: float | None = None
    energy_train_kind: EnergyKind | None = None
    energy_spent_kind: EnergyKind | None = Field(
        None, description="of energy_spent_j; None also in records from before it was kept"
    )
    energy_inference_kind: EnergyKind | None = None
    carbon_train_g: float | None = None
    carbon_intensity: dict[str, Any] | None = Field(None, description="g_per_kwh, level, source, year")
    cpu_s: float | None = Field(None, description="CPU-seconds of making the model")
    wall_s: float | None = Field(None, description="seconds this run took, measuring included")

    comparability: Comparability | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()
    measurements: tuple[InferenceMeasurement, ...] = ()
    provenance: dict[str, Any] = Field(default_factory=dict)
    notes: dict[str, str] = Field(
        default_factory=dict, description="why a field is None, by field; status: why it did not succeed"
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def energy_kind(self) -> EnergyKind | None:
        """The kind of `energy_train_j`."""
        return self.energy_train_kind

    @computed_field  # type: ignore[prop-decorator]
    @property
    def comparability_key(self) -> str | None:
        """One key for everything: equal where quality, training and inference are all comparable."""
        return digest(self.comparability.model_dump()) if self.comparability else None
