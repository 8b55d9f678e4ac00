"""Execute a spec: walk its recipe, measure what came out, and describe it in a record."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from greenai_core import acceleration, counts, evaluation, export, runtime, timing
from greenai_core.candidate import Artifact, Candidate
from greenai_core.context import Data, tensors
from greenai_core.datasets._base import Splits
from greenai_core.energy.bill import NO_SOURCE, bill
from greenai_core.energy.carbon import NO_COUNTRY
from greenai_core.energy.keys import training_key
from greenai_core.energy.machine import cores_usable, environment
from greenai_core.energy.meter import EnergyMeter
from greenai_core.errors import BadInput
from greenai_core.progress import Progress, Reporter, silent
from greenai_core.record import Comparability, InferenceMeasurement, Record
from greenai_core.registry import canonical, versions
from greenai_core.spec import Measurement, Spec, check, digest
from greenai_core.store import artifacts, records
from greenai_core.unfinished import Keep, Unfinished, forget
from greenai_core.untrained import untrained
from greenai_core.walk import Setting, Walk, weight

MEASURING_WEIGHT = 1.0
"""Share of a run's progress that measuring takes, in epochs."""

TRAIN_IMAGES = 5_000
"""Training accuracy is of so many training images: enough to see over-fitting, cheap on any data set."""


PARITY_IMAGES = 256
"""The deployed file and torch are compared on so many validation images."""

NO_WEIGHTS = "a tree has no weights and multiplies nothing"


def execute(spec: Spec, *, reporter: Reporter = silent, run_id: str | None = None, keep: Keep = forget) -> Record:
    """Run a spec here and return its record; storing it is the caller's.

    Args:
        spec: what to run.
        reporter: told how far the run is.
        run_id: id of the record; None: a new one.
        keep: called with the unfinished record, under the same id, from the first stage on every two seconds, and a
            last time when something is raised; never when the run has succeeded.

    Raises:
        BadInput: something the spec names is not to be had here.
        RunFailed: the run could not be carried through.
        Cancelled: `reporter` asked for the end.
    """
    check_device(spec.measurement)
    meter = EnergyMeter.from_settings(spec.measurement.device)
    meter.prepare(lambda message: reporter(Progress(stage="data", stage_index=0, fraction=0.0, message=message)))
    setting = setting_of(spec.measurement, meter)
    torch.set_num_threads(setting.threads)
    known = _known(spec, run_id or new_run_id(), meter)
    unfinished = Unfinished(_unmade(known, spec, setting), keep, setting.joules)
    try:
        return _carried_out(spec, known, setting, meter, reporter, unfinished)
    except BaseException as error:
        unfinished.end(error)
        raise


def _carried_out(
    spec: Spec,
    known: dict[str, Any],
    setting: Setting,
    meter: EnergyMeter,
    reporter: Reporter,
    unfinished: Unfinished,
) -> Record:
    total = sum(weight(stage) for stage in spec.recipe) + MEASURING_WEIGHT
    with meter.window("run", phase="run", cross_check=False) as whole:
        unfinished.spent = whole
        reporter(Progress(stage="data", stage_index=0, fraction=0.0, message=f"reading {spec.dataset.name}"))
        walk = Walk(setting, meter, reporter, total, whole, unfinished)
        splits, data = walk.load(spec.dataset)
        walked = walk.through(spec)
        unfinished.tell()
        last = len(spec.recipe)
        reporter(
            Progress(stage="measure", stage_index=last, fraction=1 - MEASURING_WEIGHT / total, message="measuring")
        )
        fields, notes = _quality(walked.candidate, splits, data)
        unfinished.keep_now()
        exported = export.deployed(walked.candidate, data.input_shape, data.val.images[:PARITY_IMAGES])
        file = exported.artifact
        fields["size_bytes"] = None if file is None else len(file.content)
        unfinished.keep_now()  # and not while measuring: it would be measured with it
        measured = _measure(walked.candidate.model, file, data, spec.measurement)
    costs = bill(walked.stages, meter.intensity)
    # The last report comes before the file is written: whoever cancels now leaves nothing behind.
    spent_j = setting.joules(whole.closed)
    reporter(Progress(stage="measure", stage_index=last, fraction=1.0, message="done", energy_j=spent_j))
    model_uri = None
    if file is not None:
        model_uri = f"models/{unfinished.run_id}.{runtime.SUFFIXES[file.format]}"
        artifacts.write(model_uri, file.content)
    record = Record(
        **known,
        status="succeeded",
        created_at=_now(),
        **fields,
        energy_train_j=costs.energy_j,
        carbon_train_g=costs.carbon_g,
        cpu_s=costs.cpu_s,
        **inference_fields(measured),
        energy_spent_j=spent_j,
        energy_train_kind=costs.kind,
        energy_spent_kind=whole.closed.kind,
        wall_s=unfinished.wall_s(),
        comparability=Comparability(
            quality=digest({"dataset": splits.digest}),
            training=costs.training_key,
            inference=measured.inference_key if measured else None,
        ),
        stages=walked.stages,
        measurements=(measured,) if measured else (),
        provenance={
            "model_uri": model_uri,
            "format": file.format if file else None,
            "runtime": measured.runtime if measured else None,
            "export_difference": exported.difference,
            "normalisation": dict(zip(("mean", "std"), splits.normalisation, strict=True)),
            "input_shape": list(data.input_shape),
            "classes": list(splits.classes),
            "dataset_digest": splits.digest,
            "versions": versions(spec),
            "images": {"train": len(splits.train), "val": len(splits.val), "test": len(splits.test)},
            "threads": setting.threads,
            "device": setting.device.type,
        },
        notes={**notes, **costs.notes},
    )
    return record.model_copy(update={"notes": {**_reasons(record, exported.reason), **record.notes}})


def _known(spec: Spec, run_id: str, meter: EnergyMeter) -> dict[str, Any]:
    """Return the fields of a record that are known before the run."""
    asked = canonical(spec)  # so that replicates from before and after a field came meet
    return {
        "run_id": run_id,
        "spec_id": spec.spec_id,
        "dataset": spec.dataset.name,
        "model": spec.model.name,
        "recipe": tuple(asked["recipe"]),
        "seed": spec.seed,
        "spec": asked,
        "carbon_intensity": meter.intensity.as_json() if meter.intensity else None,
        "environment": environment(),
    }


def _unmade(known: dict[str, Any], spec: Spec, setting: Setting) -> Record:
    """Return the record of a run of which nothing is done."""
    provenance = {"versions": versions(spec), "threads": setting.threads, "device": setting.device.type}
    return Record(**known, status="aborted", created_at=_now(), provenance=provenance)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def remeasure(run_id: str) -> Record:
    """Time a run's model on this machine, store the record with that measurement added, and return it.

    Where the deployed file is not stored here, as with the bank, it is made anew from the spec with untrained weights:
    a dense forward pass takes as long whatever the weights are.

    Raises:
        BadInput: the run is unknown or did not succeed, or its model cannot be exported.
    """
    record = records.load(run_id)
    if record.status != "succeeded":
        raise BadInput(f"{run_id}: the run did not succeed, so there is no model to time; run its spec again.")
    spec = check(record.spec)
    wanted = spec.measurement if spec.measurement.profile != "none" else Measurement()
    meter = EnergyMeter.from_settings()
    meter.prepare()
    measured = timing.measure_file(_deployed(record, spec), _shape(record), wanted, meter)
    known = record.comparability
    fields = inference_fields(measured)
    changed = record.model_copy(
        update={
            **fields,
            "spec": {**record.spec, "measurement": wanted.model_dump(mode="json")},
            "measurements": (*record.measurements, measured),
            "comparability": known.model_copy(update={"inference": measured.inference_key}) if known else None,
            "notes": {name: reason for name, reason in record.notes.items() if name not in fields},
        }
    )
    records.save(changed)
    return changed


def _deployed(record: Record, spec: Spec) -> bytes:
    name = record.provenance.get("model_uri")
    if name and artifacts.exists(name):
        return runtime.onnx_of(Artifact(record.provenance.get("format") or "onnx", artifacts.read(name)))
    shape, classes = _shape(record), len(record.provenance["classes"])
    exported = export.deployed(untrained(spec, shape, classes), shape)
    if exported.artifact is None:
        raise BadInput(f"{record.run_id}: {exported.reason}")
    return runtime.onnx_of(exported.artifact)


def _shape(record: Record) -> tuple[int, int, int]:
    channels, height, width = record.provenance["input_shape"]
    return channels, height, width


def setting_of(measurement: Measurement, meter: EnergyMeter) -> Setting:
    """Return where a run with this measurement happens."""
    threads = measurement.threads or cores_usable()
    key = training_key(
        machine=environment(),
        source=meter.source,
        constants=meter.constants,
        threads=threads,
        device=measurement.device,
    )
    return Setting(torch.device(measurement.device), threads, key, meter.counts(measurement.device))


def check_device(measurement: Measurement) -> None:
    """Check that this machine has the device.

    Raises:
        BadInput: it does not.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[measurement.device]:
        raise BadInput(f"measurement.device: this machine has no {measurement.device}; choose cpu.")


def new_run_id() -> str:
    """Return a name that sorts by time and that no other run has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def inference_fields(measured: InferenceMeasurement | None) -> dict[str, Any]:
    """Return the flat keys of a record that a measurement fills."""
    if measured is None:
        return {}
    same = ("latency_ms", "throughput", "energy_per_sample_j", "energy_per_sample_b1_j")
    return {**{name: getattr(measured, name) for name in same}, "energy_inference_kind": measured.energy_kind}


def _quality(candidate: Candidate, splits: Splits, data: Data) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the flat keys that follow from the model and its predictions, and the notes on them."""
    device = data.val.images.device
    test = tensors(splits, "test", device)
    model = acceleration.laid_out(runtime.predictor(candidate))
    scores = evaluation.evaluate(model, test.images, test.labels, device=device)
    val = evaluation.evaluate(model, data.val.images, data.val.labels, device=device)
    train = evaluation.evaluate(
        model, data.train.images[:TRAIN_IMAGES], data.train.labels[:TRAIN_IMAGES], device=device
    )
    count = counts.of(candidate, data.input_shape)
    fields = {
        "accuracy": scores.accuracy,
        "accuracy_val": val.accuracy,
        "accuracy_train": train.accuracy,
        "f1_macro": scores.f1_macro,
        "confusion": scores.confusion,
        "params": count.params,
        "nonzero_params": count.nonzero_params,
        "macs": count.macs,
    }
    partial = f"of the first {TRAIN_IMAGES:,} training images" if len(data.train) > TRAIN_IMAGES else ""
    return fields, {"accuracy_train": partial} if partial else {}


def _measure(model: nn.Module, file: Artifact | None, data: Data, wanted: Measurement) -> InferenceMeasurement | None:
    """Time the model on the processor, whatever it was trained on."""
    meter = EnergyMeter.from_settings()
    if wanted.profile == "none":
        return None
    if file is not None:
        return timing.measure_file(runtime.onnx_of(file), data.input_shape, wanted, meter)
    with timing.torch_runner(model.to("cpu")) as runner:
        return timing.measure_inference(runner, data.input_shape, wanted, meter)


def _reasons(record: Record, export_reason: str) -> dict[str, str]:
    """Return why each flat key that is None is so."""
    profile = record.spec["measurement"]["profile"]
    known = {
        "size_bytes": export_reason,
        "macs": NO_WEIGHTS if record.params is None else "no product was seen in a forward pass",
        "params": NO_WEIGHTS,
        "nonzero_params": NO_WEIGHTS,
        "carbon_intensity": NO_COUNTRY,
        "energy_spent_j": NO_SOURCE,
    }
    unmeasured = "not measured: measurement.profile is none" if profile == "none" else NO_SOURCE
    missing = [name for name, value in record if value is None]
    return {name: known.get(name, unmeasured) for name in missing}
