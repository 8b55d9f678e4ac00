"""What techniques promise by what they declare, what of it is real, and why not."""

from __future__ import annotations

import math
import random
import zlib
from typing import Any

import pandas as pd
import pytest

from greenai_core import registry
from greenai_core.analysis import nominal
from greenai_core.analysis.promised import (
    NEEDED,
    REAL,
    against_dense,
    answer,
    compared,
    groups,
    kept,
    table,
    zippable,
    zipped_bytes,
)
from greenai_core.analysis.shortfall import reasons
from greenai_core.record import Record
from greenai_core.spec import check
from greenai_core.store import records
from greenai_core.store.database import writing
from greenai_core.store.specs import specs
from tests import factory

DENSE: dict[str, Any] = {
    "accuracy_val": 0.98,
    "size_bytes": 4_800_000,
    "latency_ms": 0.4,
    "energy_per_sample_j": 8e-4,
    "params": 1_199_882,
    "nonzero_params": 1_199_882,
    "macs": 11_992_448,
}
TRAIN = {"name": "train", "epochs": 3}


def made(
    *stages: dict[str, Any], seed: int = 0, model: str = "mnist_cnn", host: str = "here", **figures: Any
) -> Record:
    """A record of a recipe that begins with training, with the dense figures but for those that are named."""
    asked = {"dataset": {"name": "digits"}, "model": {"name": model}, "recipe": [TRAIN, *stages], "seed": seed}
    return factory.record(check(asked), host=host, **{**DENSE, **figures})


MASKED = {"name": "magnitude_pruning", "sparsity": 0.9}
CUT = {"name": "l1_channel_pruning", "sparsity": 0.8}
INT8 = {"name": "static_quantization"}
HALF = {"name": "half_precision"}


def rows(*stored: Record, zipped: dict[str, int] | None = None) -> pd.DataFrame:
    with writing() as connection:
        records.insert(connection, *stored)
    whole = records.table()
    keys, runs = groups(whole)[0]
    return compared(against_dense(keys, runs, whole, specs), zipped or {})


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ([MASKED], 10.0),
        ([CUT], 5.0),
        ([INT8], 4.0),
        ([HALF], 2.0),
        ([{"name": "weight_only_int4"}], 8.0),
        ([{"name": "dynamic_quantization"}], 4.0),
        ([{"name": "quantization_aware_training"}], 4.0),
        ([{"name": "kmeans_codebook", "bits": 2}], 16.0),
        ([{"name": "kmeans_codebook"}], 8.0),  # the default of the field
        ([{"name": "hashing_trick", "compression": 0.125}], 8.0),
        ([{"name": "two_four_pruning"}], 2.0),
        ([CUT, {"name": "fine_tune"}, INT8], 20.0),
        ([MASKED, {**MASKED, "sparsity": 0.5}], 10.0),  # what was zero counts among the zeros asked for
        ([CUT, CUT], 25.0),  # channels of what is left
        ([{"name": "kmeans_codebook", "bits": 4}, {"name": "entropy_coding"}], 8.0),
        ([{"name": "kmeans_codebook", "bits": 8}, {"name": "weight_only_int4"}], 8.0),
        ([{**CUT, "sparsity": 0.0}], None),
        ([{"name": "distill", "temperature": 4.0}], None),
        ([{"name": "svd_factorization", "ratio": 0.25}], None),
        ([{"name": "layer_pruning"}], None),
        ([{"name": "a technique of yore", "sparsity": 0.5}], None),
        ([TRAIN], None),
    ],
)
def test_a_recipe_promises_what_its_techniques_declare(recipe: list[dict[str, Any]], expected: float | None) -> None:
    found = nominal.times(nominal.promises(recipe))
    assert found == (None if expected is None else pytest.approx(expected))


def test_every_technique_that_writes_shorter_weights_is_understood() -> None:
    """Whoever adds a quantization names its bits in the title or the first sentence; else it would promise nothing."""
    for name in registry.names("techniques"):
        described = registry.entry("techniques", name).describe()
        if described["family"] == "quantization":
            (promise,) = nominal.promises([{"name": name}])
            assert promise.does == "bits" and promise.times in (2.0, 4.0, 8.0), name
        if described["family"] == "unstructured pruning":
            assert [promise.does for promise in nominal.promises([{"name": name}])] == ["zeros"], name
        if "channel_pruning" in name:
            assert [promise.does for promise in nominal.promises([{"name": name}])] == ["removal"], name
        if described["family"] == "distillation":
            assert not nominal.promises([{"name": name}]), name


def test_a_point_is_held_against_the_mean_of_its_dense_baseline() -> None:
    dense = [made(seed=seed, latency_ms=latency) for seed, latency in enumerate((0.3, 0.5))]
    cut = [made(CUT, seed=seed, size_bytes=960_000, latency_ms=latency) for seed, latency in enumerate((0.04, 0.06))]
    (row,) = rows(*dense, *cut).to_dict("records")
    assert (row["what"], row["seeds"], row["promised"]) == ("l1_channel_pruning", 2, pytest.approx(5.0))
    assert row["size_bytes_times"] == pytest.approx(5.0)
    assert row["latency_ms_times"] == pytest.approx(8.0)
    assert row["energy_per_sample_j_times"] == pytest.approx(1.0)
    assert math.isnan(row["zipped_bytes_times"])


def test_the_baseline_is_of_the_same_model_and_measured_alike_also_where_a_filter_leaves_it_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(factory.DENSE_PARAMS, "mobilenet_v2", 2_000_000)
    wide = {"name": "mobilenet_v2", "width": 1.0}
    stored = [
        made(latency_ms=0.4),
        made(latency_ms=4.0, host="elsewhere"),
        made(MASKED, latency_ms=0.2),
        made(MASKED, latency_ms=0.8, host="elsewhere"),
        factory.record(
            check({"dataset": {"name": "digits"}, "model": wide, "recipe": [TRAIN, MASKED]}), **{**DENSE, "params": 7}
        ),
        factory.record(
            check({"dataset": {"name": "digits"}, "model": {**wide, "width": 0.5}, "recipe": [TRAIN]}),
            **{**DENSE, "latency_ms": 9.0},
        ),
    ]
    with writing() as connection:
        records.insert(connection, *stored)
    whole = records.table()
    found = {}
    for keys, runs in groups(whole[whole["technique"] != "dense"]):
        for row in compared(against_dense(keys, runs, whole, specs), {}).to_dict("records"):
            found[row["model"], row["inference_key"]] = row["latency_ms_times"]
    assert found["mnist_cnn", "here-onnxruntime"] == pytest.approx(2.0)
    assert found["mnist_cnn", "elsewhere-onnxruntime"] == pytest.approx(5.0)
    assert math.isnan(found["mobilenet_v2", "here-onnxruntime"])  # a dense one of half the width is another model


def test_of_several_dense_recipes_the_one_with_most_seeds_is_the_baseline() -> None:
    longer = check(
        {"dataset": {"name": "digits"}, "model": {"name": "mnist_cnn"}, "recipe": [{"name": "train", "epochs": 9}]}
    )
    lone = factory.record(longer, **{**DENSE, "accuracy_val": 0.99, "size_bytes": 1})
    (row,) = rows(lone, made(), made(seed=1), made(INT8, size_bytes=1_200_000)).to_dict("records")
    assert row["size_bytes_times"] == pytest.approx(4.0)


def test_the_sentence_counts_techniques_that_keep_their_promise_in_every_recipe() -> None:
    slow = made(CUT, INT8, size_bytes=240_000, latency_ms=0.08, energy_per_sample_j=2e-4)
    told = rows(
        made(),
        made(MASKED, nonzero_params=119_988),
        made(CUT, size_bytes=960_000, latency_ms=0.08, energy_per_sample_j=1e-4),
        made({**CUT, "sparsity": 0.5}, size_bytes=2_400_000, latency_ms=0.39, energy_per_sample_j=4e-4),
        made(INT8, size_bytes=1_250_000, latency_ms=0.1, energy_per_sample_j=1e-4),
        slow,
        factory.record(factory.spec(model="mlp_student", technique="distill")),
    )
    assert answer(told) == (
        "Of 4 techniques that promise a number, so many keep it with every recipe measured here: 3 in file size, 1 in "
        "latency and 2 in joules per prediction."
    )
    combined = told.set_index("run_id").loc[slow.run_id]
    assert combined["what"] == "l1_channel_pruning + static_quantization"
    assert combined["stage"] == "static_quantization"
    assert combined["promised"] == pytest.approx(20.0)


def test_what_cannot_be_judged_is_not_counted_as_kept() -> None:
    told = rows(made(MASKED, model="mlp_student"), made(), made(INT8, size_bytes=1_200_000))
    assert "1 (of 1 that can be judged) in file size" in answer(told)
    assert list(kept(told, "size_bytes")) == [None, True]


def test_without_a_promise_the_sentence_says_so() -> None:
    told = rows(made(), factory.record(factory.spec(model="mlp_student", technique="distill")))
    assert answer(told) == "No technique among these runs promises a number: no sparsity, no bits."
    assert set(reasons(told).to_numpy().ravel()) == {""}


def why(*stored: Record, zipped: dict[str, int] | None = None) -> dict[str, str]:
    """The reasons of the recipe that promises most."""
    told = rows(*stored, zipped=zipped)
    found: dict[str, str] = reasons(told).iloc[0].to_dict()
    return found


def test_masks_do_not_shrink_a_file_but_shrink_the_zip() -> None:
    dense, masked = made(), made(MASKED, nonzero_params=119_988, latency_ms=0.41)
    found = why(dense, masked, zipped={dense.run_id: 4_400_000, masked.run_id: 700_000})
    assert found["size_bytes"] == (
        "The file holds all 1,199,882 weights, of which 119,988 are not zero, though zipped it is 6.3 times smaller. "
        "Magnitude pruning: \u201cThe tensors keep their shape: the plain file and the time stay what they were, only "
        "a compressed file shrinks.\u201d"
    )
    assert found["zipped_bytes"].startswith("Zipped, each of the 119,988 weights that are not zero takes 47 bits")
    assert "as many products as before (12.0 M MACs), those with zeros included" in found["latency_ms"]
    assert "A prediction takes 410 µs instead of 400 µs" in found["latency_ms"]
    assert "the time stay what they were" in found["energy_per_sample_j"]


def test_where_a_file_holds_zeros_it_is_what_set_them_that_is_asked() -> None:
    found = why(made(), made(MASKED, INT8, size_bytes=1_200_000, nonzero_params=119_988))
    assert "The file holds all 1,199,882 weights" in found["size_bytes"]
    assert "Magnitude pruning: " in found["size_bytes"]
    assert "Static int8 quantization: " in found["latency_ms"]


def test_half_precision_is_not_faster_on_a_processor_and_its_class_says_why() -> None:
    found = why(made(), made(HALF, size_bytes=2_410_000))
    assert found["size_bytes"] == ""
    assert "as many products as before (12.0 M MACs)." in found["latency_ms"]
    assert "The runtime turns the weights back into float32" in found["latency_ms"]
    assert "energy and memory at work stay what they were" in found["energy_per_sample_j"]


def test_int8_on_a_narrow_network_is_slower_than_the_network_without_it() -> None:
    narrow = {"params": 75_242, "nonzero_params": 75_242, "macs": 700_000}
    deep = {**CUT, "sparsity": 0.95}
    cut = made(deep, size_bytes=300_000, latency_ms=0.02, energy_per_sample_j=4e-5, **narrow)
    int8 = made(deep, INT8, size_bytes=76_000, latency_ms=0.03, energy_per_sample_j=6e-5, **narrow)
    found = why(made(), cut, int8)
    without = "without static_quantization the same network takes 20.0 µs: it costs more than it saves"
    assert without in found["latency_ms"]
    assert "products fell to 5.8 %, but each takes 1.3 times as much" in found["latency_ms"]
    assert "Static int8 quantization: \u201cVery narrow networks become slower" in found["latency_ms"]
    assert "without static_quantization the same network takes 40.0 µJ" in found["energy_per_sample_j"]


def test_what_is_slower_than_its_baseline_is_explained_by_what_the_class_says_of_slowness() -> None:
    found = why(made(), made(INT8, size_bytes=1_200_000, latency_ms=0.6))
    assert "Very narrow networks become slower" in found["latency_ms"]


def test_bits_that_are_no_weights_are_told() -> None:
    found = why(made(), made({"name": "weight_only_int4"}, size_bytes=900_000))
    assert "The file takes 6.00 bits per weight, not 4" in found["size_bytes"]


def test_channels_that_could_not_be_cut_are_told() -> None:
    found = why(made(), made(CUT, size_bytes=1_700_000, params=400_000, nonzero_params=400_000, macs=4_000_000))
    assert found["size_bytes"] == "The number of weights fell to 33 %, not to 20 %."
    assert "products fell to 33 %, but each takes 3.0 times as much" in found["latency_ms"]


def test_what_is_unknown_has_a_reason() -> None:
    alone = why(made(MASKED))
    assert alone["latency_ms"] == "Unknown: no dense run of this model was measured under the same conditions."
    masked = made(MASKED, seed=3)
    shipped = why(made(), masked)
    assert shipped["zipped_bytes"] == "Unknown: its file is not stored here."
    half = why(made(), masked, zipped={masked.run_id: 5})
    assert half["zipped_bytes"] == "Unknown: the file of its baseline is not stored here."


def test_files_to_zip_are_those_of_promises_and_their_baselines_each_once() -> None:
    dense, masked, half = made(), made(MASKED), made(HALF)
    told = rows(dense, masked, half, factory.record(factory.spec(model="mlp_student", technique="distill")))
    assert zippable(told, 9) == [dense.run_id, masked.run_id, half.run_id]
    assert zippable(told, 2) == [dense.run_id, masked.run_id]


def test_zipped_is_deflate_at_its_highest_level() -> None:
    content = random.Random(0).randbytes(1000) + bytes(4000)
    assert zipped_bytes(content) == len(zlib.compress(content, 9)) < 1100
    assert zlib.decompress(zlib.compress(content, 9)) == content


def test_the_table_holds_every_recipe_with_its_verdict_and_reason() -> None:
    told = rows(made(), made(MASKED, nonzero_params=119_988), made(INT8, size_bytes=1_200_000, latency_ms=0.1))
    shown = table(told, reasons(told)).set_index("Technique")
    assert list(shown.index) == ["magnitude_pruning", "static_quantization"]
    assert shown.loc["static_quantization", "Kept in"] == "File, Latency"
    assert shown.loc["magnitude_pruning", "Kept in"] == ""
    assert shown.loc["magnitude_pruning", "Why not"].startswith("File: The file holds all")
    assert shown.loc["static_quantization", "Recipe"] == "train 3 > static_quantization"
    assert {f"{words} (times)" for words in REAL} < set(shown)
    assert set(NEEDED) < set(REAL.values())
