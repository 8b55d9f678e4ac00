"""A whole run: the record it gives, the cache it uses, and what it refuses."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from greenai_core import checkpoint, preview, run, spec, training
from greenai_core.energy.bill import bill
from greenai_core.energy.meter import EnergyMeter
from greenai_core.errors import BadInput, Cancelled
from greenai_core.progress import Progress
from greenai_core.record import Record
from greenai_core.store import answers, artifacts, checkpoints, records
from greenai_core.torchvision_import import import_torchvision

STAGES: list[dict[str, Any]] = [
    {"name": "train", "epochs": 1},
    {"name": "l1_channel_pruning", "sparsity": 0.8},
    {"name": "fine_tune", "epochs": 1},
]


def a_spec(recipe: list[dict[str, Any]] = STAGES, *, model: str = "mnist_cnn", **fields: Any) -> spec.Spec:
    measurement = {"profile": "none", **fields.pop("measurement", {})}
    document = {"dataset": {"name": "digits"}, "model": {"name": model}, "recipe": recipe, "measurement": measurement}
    return spec.check({**document, **fields})


def figures(record: Record) -> dict[str, Any]:
    """What must not depend on the cache."""
    same = (
        "accuracy",
        "accuracy_val",
        "accuracy_train",
        "f1_macro",
        "confusion",
        "params",
        "nonzero_params",
        "macs",
        "size_bytes",
    )
    return {name: getattr(record, name) for name in same}


def weights(record: Record) -> bytes:
    return artifacts.read(record.provenance["model_uri"])


def test_record_of_a_run() -> None:
    told: list[Progress] = []
    record = run.execute(a_spec(measurement={"profile": "quick"}), reporter=told.append)
    assert record.status == "succeeded"
    assert record.params == record.nonzero_params == 241_936
    assert 0.5 < record.accuracy <= 1
    assert record.macs < 1_000_000
    assert record.size_bytes == len(weights(record))
    assert abs(record.size_bytes - 4 * record.params) < 0.03 * record.size_bytes
    assert record.energy_train_j == pytest.approx(sum(stage.energy_j for stage in record.stages))
    assert record.energy_spent_j > record.energy_train_j > 0
    assert record.energy_train_kind == record.energy_inference_kind == "estimated"
    assert record.latency_ms > 0 and record.throughput > 0
    assert record.energy_per_sample_b1_j > record.energy_per_sample_j > 0
    assert record.carbon_train_g is None and "GREENAI_COUNTRY" in record.notes["carbon_train_g"]
    assert record.provenance["export_difference"] < 1e-4
    assert sum(map(sum, record.confusion)) == record.provenance["images"]["test"]
    assert [stage.name for stage in record.stages] == ["train", "l1_channel_pruning", "fine_tune"]
    assert [len(stage.curve) for stage in record.stages] == [1, 0, 1]
    assert not any(stage.cached for stage in record.stages)
    assert record.environment["libraries"]["torch"]
    assert json.loads(record.model_dump_json())["energy_kind"] == "estimated"

    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    spent = [progress.energy_j for progress in told if progress.energy_j is not None]
    assert spent == sorted(spent) and spent[-1] == record.energy_spent_j
    assert {progress.stage for progress in told if progress.epoch_done} == {"train", "fine_tune"}


def test_nothing_in_a_record_leads_to_the_machine() -> None:
    text = run.execute(a_spec(STAGES[:1], model="mlp_student")).model_dump_json()
    assert "/tmp" not in text and "test-host" not in text


@pytest.mark.parametrize("cached", [1, 2])
def test_a_cached_prefix_changes_no_figure(cached: int, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    fresh = run.execute(a_spec())
    fresh_weights = weights(fresh)
    monkeypatch.setenv("GREENAI_ARTIFACTS", str(tmp_path / "elsewhere"))
    run.execute(a_spec(STAGES[:cached]))
    continued = run.execute(a_spec())
    assert [stage.cached for stage in continued.stages] == [True] * cached + [False] * (3 - cached)
    assert figures(continued) == figures(fresh)
    assert weights(continued) == fresh_weights


def test_a_stored_recipe_costs_nothing_again_and_says_what_it_cost() -> None:
    first = run.execute(a_spec())
    again = run.execute(a_spec())
    assert all(stage.cached for stage in again.stages)
    assert again.energy_train_j == first.energy_train_j
    assert again.energy_spent_j < first.energy_spent_j
    assert figures(again) == figures(first)


def test_seeds_give_different_networks() -> None:
    first, second = (run.execute(a_spec(STAGES[:1], model="mlp_student", seed=seed)) for seed in (0, 1))
    assert weights(first) != weights(second)


def test_a_teacher_is_counted_once_and_shared() -> None:
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": STAGES[:1]}
    distill = {"name": "distill", "epochs": 1, "teacher": teacher}
    first = run.execute(a_spec([distill], model="mlp_student"))
    (stage,) = first.stages
    assert [part.name for part in stage.teacher] == ["train"]
    assert first.energy_train_j == pytest.approx(stage.energy_j + stage.teacher[0].energy_j)
    assert first.params == 109_386

    other = run.execute(a_spec([{**distill, "alpha": 0.1}], model="mlp_student"))
    assert other.stages[0].teacher[0].cached
    assert other.stages[0].teacher[0].energy_j == stage.teacher[0].energy_j

    taught_alone = run.execute(a_spec(STAGES[:1]))
    assert taught_alone.stages[0].cached, "a teacher is a run like any other"


def test_masks_are_kept_by_fine_tuning_and_permanent_in_the_file() -> None:
    recipe = [STAGES[0], {"name": "magnitude_pruning", "sparsity": 0.9}, STAGES[2]]
    record = run.execute(a_spec(recipe, model="mlp_student"))
    assert record.params == 109_386
    assert record.nonzero_params < 0.11 * record.params
    restored = checkpoint.unpack(*checkpoints.read(record.stages[-1].key))
    assert sum(int(p.count_nonzero()) for p in restored.model.parameters()) == record.nonzero_params
    assert record.size_bytes < 1.05 * 4 * record.params, "a mask must not be part of the deployed file"


def test_cancel_stores_the_finished_stages_only() -> None:
    def cancel(progress: Progress) -> None:
        if progress.stage == "fine_tune":
            raise Cancelled

    with pytest.raises(Cancelled):
        run.execute(a_spec(), reporter=cancel)
    continued = run.execute(a_spec())
    assert [stage.cached for stage in continued.stages] == [True, True, False]


def test_carbon_follows_from_the_country(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENAI_COUNTRY", "NLD")
    record = run.execute(a_spec(STAGES[:1], model="mlp_student"))
    grams = record.energy_train_j / 3.6e6 * record.carbon_intensity["g_per_kwh"]
    assert record.carbon_train_g == pytest.approx(grams)
    assert record.carbon_intensity["year"] and record.carbon_intensity["source"]


def test_remeasure_adds_a_measurement() -> None:
    stored = run.execute(a_spec(STAGES[:1], model="mlp_student"))
    records.save(stored)
    assert stored.latency_ms is None
    again = run.remeasure(stored.run_id)
    assert again.latency_ms > 0 and len(again.measurements) == 1
    assert again.comparability.inference == again.measurements[0].inference_key
    assert records.load(stored.run_id) == again
    assert len(run.remeasure(stored.run_id).measurements) == 2


def test_remeasure_makes_a_model_that_is_not_stored() -> None:
    """As with the bank, whose models are not shipped: the pruned network is built anew, untrained."""
    stored = run.execute(a_spec())
    records.save(stored)
    size = len(weights(stored))
    artifacts.delete(stored.provenance["model_uri"])
    assert abs(len(run._deployed(stored, a_spec())) - size) < 0.01 * size
    again = run.remeasure(stored.run_id)
    assert again.latency_ms > 0 and "latency_ms" not in again.notes
    assert answers.record(a_spec(measurement={"profile": "quick"})) == again


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test expects to be missing")
def test_a_missing_device_is_refused() -> None:
    with pytest.raises(BadInput, match=r"measurement\.device: this machine has no cuda"):
        run.execute(a_spec(measurement={"device": "cuda"}))


def test_what_happens_outside_of_training_makes_its_energy_no_less_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "bill", lambda *given: replace(bill(*given), kind="measured"))
    record = run.execute(a_spec(STAGES[:1], model="mlp_student"))
    assert (record.energy_train_kind, record.energy_spent_kind) == ("measured", "estimated")


def test_joules_of_a_device_that_is_not_counted_are_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EnergyMeter, "counts", lambda meter, device: False)
    told: list[Progress] = []
    kept: list[Record] = []
    record = run.execute(a_spec(STAGES[:1], model="mlp_student"), reporter=told.append, keep=kept.append)
    assert told[-1].fraction == 1 and {progress.energy_j for progress in told} == {None}
    for known in (*kept, record):
        assert known.energy_spent_j is None and not any(stage.energy_j for stage in known.stages)
        assert not any("energy_j" in point for stage in known.stages for point in stage.curve)
    assert len(record.stages[0].curve) == 1


def test_every_unknown_figure_has_its_reason() -> None:
    record = run.execute(a_spec(STAGES[:1], model="mlp_student"))
    unknown = {name for name, value in record if value is None}
    assert {"latency_ms", "throughput", "energy_per_sample_j", "carbon_train_g", "carbon_intensity"} <= unknown
    assert all(record.notes[name] for name in unknown)


def test_watching_the_validation_accuracy_is_not_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(model: torch.nn.Module, precision: str, images: torch.Tensor, labels: torch.Tensor) -> float:
        end = time.process_time() + 1.0
        while time.process_time() < end:
            pass
        return 0.5

    plain = run.execute(a_spec(STAGES[:1], model="mlp_student"))
    monkeypatch.setattr(training, "accuracy_of", slow)
    watched = run.execute(a_spec(STAGES[:1], model="mlp_student", seed=1))
    assert watched.cpu_s < plain.cpu_s + 0.5
    # A second of looking would be 4 J; the two counters are read some milliseconds apart.
    assert watched.energy_train_j == pytest.approx(4.0 * watched.cpu_s, abs=0.2)


def test_a_teacher_of_other_images_is_refused_before_it_is_trained(tmp_path) -> None:
    noise = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / "mine" / name).mkdir(parents=True)
        for index in range(6):
            pixels = noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / "mine" / name / f"{index}.png")
    teacher = {
        "dataset": {"name": "image_folder", "path": "mine"},
        "model": {"name": "mlp_student"},
        "recipe": [{"name": "train"}],
    }
    distill = a_spec([{"name": "distill", "teacher": teacher}], model="mlp_student")
    sentence = r"recipe\.0\.teacher\.dataset: the teacher learns 3x32x32 images of 2 classes, its student 1x28x28"
    with pytest.raises(BadInput, match=sentence):
        run.execute(distill)
    with pytest.raises(BadInput, match=sentence):
        preview.preview(distill)


def test_a_data_set_that_cannot_be_had_says_where_to_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import_torchvision()
    from torchvision.datasets import mnist as torchvision_mnist

    def unreachable(*args: object, **options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torchvision_mnist, "download_and_extract_archive", unreachable)
    missing = {"dataset": {"name": "fashion_mnist"}, "model": {"name": "mlp_student"}, "recipe": STAGES[:1]}
    with pytest.raises(BadInput, match=r"FashionMNIST is not in .*data.* Put .* FashionMNIST/raw"):
        run.execute(spec.check(missing))
