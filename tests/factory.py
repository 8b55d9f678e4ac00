"""Records that look like real ones, for tests that need a store but no training."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from greenai_core.analysis import explore
from greenai_core.energy.machine import cores_usable, machine_id
from greenai_core.record import Comparability, EnergyKind, InferenceMeasurement, Record, StageRecord, with_teachers
from greenai_core.registry import versions
from greenai_core.settings import settings
from greenai_core.spec import Spec, check
from greenai_core.store import records as stored

DENSE_PARAMS = {"mnist_cnn": 1_199_882, "mlp_student": 109_386}


def pruned_params(sparsity: float) -> int:
    """Parameters of mnist_cnn after l1_channel_pruning."""
    first, second = (n - math.floor(n * sparsity) for n in (32, 64))
    return first * 10 + second * (first * 9 + 1) + second * 144 * 128 + 128 + 1290


def spec(
    *, dataset: str = "digits", model: str = "mnist_cnn", technique: str = "dense", sparsity: float = 0.0, seed: int = 0
) -> Spec:
    """A valid spec: trained only, pruned and fine-tuned, or distilled."""
    recipe: list[dict[str, Any]] = [{"name": "train", "epochs": 3}]
    if technique == "distill":
        teacher = {"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train", "epochs": 3}]}
        recipe = [{"name": "distill", "temperature": 4.0, "epochs": 3, "teacher": teacher}]
    elif technique != "dense":
        recipe += [{"name": technique, "sparsity": sparsity}, {"name": "fine_tune", "epochs": 2}]
    return check({"dataset": {"name": dataset}, "model": {"name": model}, "recipe": recipe, "seed": seed})


def view(filters: explore.Filters, group: str | None = None) -> explore.View | None:
    """What the Explore page shows of the store."""
    return explore.view(explore.gather(stored.table(), filters), filters, group)


def record(
    run: Spec | None = None,
    *,
    host: str = "here",
    kind: EnergyKind = "estimated",
    status: str = "succeeded",
    **changes: Any,
) -> Record:
    """A record of `run` with plausible figures, the same for the same spec; `changes` replace fields of it."""
    run = run or spec()
    noise = random.Random(run.spec_id)
    recipe = run.model_dump(mode="json")["recipe"]
    sparsity = max((stage.get("sparsity", 0.0) for stage in recipe), default=0.0)
    structured = any(stage["name"] == "l1_channel_pruning" for stage in recipe)
    params = pruned_params(sparsity) if structured else DENSE_PARAMS[run.model.name]
    nonzero = params if structured else round(params * (1 - sparsity))
    accuracy = 0.985 - 0.06 * sparsity**4 - (0.03 if run.model.name == "mlp_student" else 0) + noise.gauss(0, 0.003)
    macs = params * 10
    stages = tuple(_stage(stage, index, run, params, noise, kind) for index, stage in enumerate(recipe))
    ran = list(with_teachers(stages))
    train_j = sum(stage.energy_j or 0.0 for stage in ran)
    inference_key = f"{host}-onnxruntime"
    latency_ms = macs / 4e7 * noise.uniform(0.9, 1.1)
    per_sample = {batch: macs * joules * noise.uniform(0.9, 1.1) for batch, joules in ((256, 4e-11), (1, 8e-11))}
    measurement = InferenceMeasurement(
        inference_key=inference_key,
        measured_at="2026-01-01T00:00:00Z",
        runtime="onnxruntime 1.31.1",
        threads=1,
        throughput_batch=256,
        latency_ms=latency_ms,
        throughput=4e9 / macs * 10,
        energy_per_sample_j=per_sample[256],
        energy_per_sample_b1_j=per_sample[1],
        energy_kind=kind,
        windows=tuple(window(f"batch {batch}", kind, 2.0, units=2.0 / joules) for batch, joules in per_sample.items()),
        environment={"cpu_model": f"Processor of {host}", "cores_usable": 2},
    )
    values: dict[str, Any] = {
        "run_id": f"{host}-{run.spec_id}",
        "spec_id": run.spec_id,
        "status": status,
        "created_at": f"2026-01-0{1 + run.seed % 9}T12:00:00Z",
        "dataset": run.dataset.name,
        "model": run.model.name,
        "recipe": tuple(recipe),
        "seed": run.seed,
        "spec": run.model_dump(mode="json"),
        "accuracy": accuracy - 0.005,
        "accuracy_val": accuracy,
        "accuracy_train": min(1.0, accuracy + 0.01),
        "f1_macro": accuracy - 0.006,
        "confusion": _confusion(changes.get("accuracy", accuracy - 0.005)),
        "params": params,
        "nonzero_params": nonzero,
        "macs": macs,
        "size_bytes": params * 4 + 3000,
        "energy_train_j": train_j,
        "energy_spent_j": train_j * 1.2,
        "energy_train_kind": kind,
        "energy_spent_kind": kind,
        "energy_inference_kind": kind,
        "cpu_s": sum(stage.cpu_s for stage in ran),
        "wall_s": sum(stage.wall_s for stage in ran) + 2,
        "comparability": Comparability(
            quality=f"{run.dataset.name}-data", training=f"{host}-train", inference=inference_key
        ),
        "environment": {
            "machine_id": machine_id(settings().host_id) if host == "here" else host,
            "cpu_model": f"Processor of {host}",
            "processor_family": "any",
            "cores_usable": 2,
        },
        "stages": stages,
        "measurements": (measurement,),
        "provenance": {"versions": versions(run), "threads": run.measurement.threads or cores_usable()},
        **{name: getattr(measurement, name) for name in _TIMED},
    }
    return Record(**{**values, **changes})


def on_grid(found: Record, g_per_kwh: float) -> Record:
    """The record with the carbon of its joules on a grid of so many grams per kWh."""
    stated = {"g_per_kwh": g_per_kwh, "country": None, "level": "stated", "year": None, "source": "a test"}
    grams = (found.energy_train_j or 0.0) / 3.6e6 * g_per_kwh
    return found.model_copy(update={"carbon_train_g": grams, "carbon_intensity": stated})


def window(
    label: str, kind: EnergyKind, joules: float, *, units: float | None = None, **changes: Any
) -> dict[str, Any]:
    """An energy window in JSON form: of CPU time at 4 W per core if it is estimated, else of a counter."""
    estimated = kind == "estimated"
    part = {
        "source": "cputime" if estimated else "rapl:package",
        "kind": kind,
        "scope": "process_tree" if estimated else "cpu_package",
        "gross_j": joules if estimated else 3 * joules,
        "idle_w": None if estimated else joules,
        "share": 0.5 if kind == "apportioned" else 1.0,
        "net_j": joules,
    }
    values: dict[str, Any] = {
        "schema": 2,
        "label": label,
        "status": "ok",
        "exclusive": kind == "measured",
        "kind": kind,
        "source": part["source"],
        "scope": part["scope"],
        "components": {"cpu": part},
        "gross_j": part["gross_j"],
        "idle_w": part["idle_w"],
        "idle_age_s": None if estimated else 3600.0,
        "idle_j": None if estimated else joules,
        "net_j": joules,
        "wall_s": 1.0,
        "cpu_s": joules / 4,
        "foreign_cpu_s": 0.01,
        "steal_s": 0.0,
        "n_iter": 10,
        "units": units,
        "unit": "sample",
        "j_per_unit": joules / units if units else None,
        "quality": [],
        "config": {**({"w_per_core": 4.0} if estimated else {}), "constants_origin": "a test"},
        "codecarbon": None,
        "notes": {"codecarbon": "not asked"},
    }
    return {**values, **changes}


def records(seeds: int = 2, dataset: str = "digits", **options: Any) -> Iterator[Record]:
    """Dense, pruned at several sparsities, and distilled, each with so many seeds."""
    for seed in range(seeds):
        yield record(spec(dataset=dataset, seed=seed), **options)
        yield record(spec(dataset=dataset, model="mlp_student", seed=seed), **options)
        yield record(spec(dataset=dataset, model="mlp_student", technique="distill", seed=seed), **options)
        for technique in ("l1_channel_pruning", "magnitude_pruning"):
            for sparsity in (0.3, 0.6, 0.8, 0.95):
                yield record(spec(dataset=dataset, technique=technique, sparsity=sparsity, seed=seed), **options)


def _confusion(accuracy: float | None) -> tuple[tuple[int, ...], ...] | None:
    """Of a thousand images of two classes, with that accuracy."""
    if accuracy is None or math.isnan(accuracy):
        return None
    right = round(1000 * accuracy)
    return (right // 2, (1000 - right) // 2), (1000 - right - (1000 - right) // 2, right - right // 2)


_TIMED = ("latency_ms", "throughput", "energy_per_sample_j", "energy_per_sample_b1_j")


def _stage(
    stage: dict[str, Any],
    index: int,
    run: Spec,
    params: int,
    noise: random.Random,
    kind: EnergyKind,
    role: str = "",
) -> StageRecord:
    epochs = stage.get("epochs", 0)
    wall = 1.1 * epochs + 0.05
    curve = tuple(
        {
            "epoch": float(epoch),
            "loss": 1.2 / (epoch + index + 0.3),
            "accuracy_val": min(0.99, 0.9 + 0.03 * (epoch + index)) + noise.gauss(0, 0.002),
            "lr": 0.001,
            "energy_j": 8.0 * epoch,
        }
        for epoch in range(1, epochs + 1)
    )
    energy_j = 8.0 * wall * noise.uniform(0.9, 1.1)
    taught_by = stage["teacher"]["recipe"] if "teacher" in stage else ()
    return StageRecord(
        name=stage["name"],
        key=f"key-{run.spec_id}-{role}{index}",
        dataset=run.dataset.name,
        model=run.model.name,
        epochs=epochs,
        images=1078,
        macs=11_992_448,
        params=params if index or role else DENSE_PARAMS[run.model.name],
        nonzero_params=params,
        accuracy_val=curve[-1]["accuracy_val"] if curve else 0.6,
        energy_j=energy_j,
        cpu_s=2 * wall,
        wall_s=wall,
        cached=False,
        training_key="here-train",
        window=window(stage["name"], kind, energy_j),
        curve=curve,
        teacher=tuple(
            _stage(part, place, run, DENSE_PARAMS["mnist_cnn"], noise, kind, f"{index}-teacher-")
            for place, part in enumerate(taught_by)
        ),
    )
