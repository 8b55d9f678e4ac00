"""The preview: the very figures of the run, before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from greenai_core import preview, run, spec
from greenai_core.store import records

PRUNED = [
    {"name": "train", "epochs": 1},
    {"name": "l1_channel_pruning", "sparsity": 0.8},
    {"name": "fine_tune", "epochs": 1},
]


def a_spec(recipe: list[dict[str, Any]] = PRUNED, *, model: str = "mnist_cnn", dataset: str = "digits") -> spec.Spec:
    document = {"dataset": {"name": dataset}, "model": {"name": model}, "recipe": recipe}
    return spec.check({**document, "measurement": {"profile": "none"}})


@pytest.mark.parametrize(("sparsity", "params"), [(0.6, 483_848), (0.8, 241_936), (0.95, 75_242)])
def test_exact_counts(sparsity: float, params: int) -> None:
    recipe = [PRUNED[0], {**PRUNED[1], "sparsity": sparsity}, PRUNED[2]]
    shown = preview.preview(a_spec(recipe))
    assert shown["params"] == shown["nonzero_params"] == params
    assert shown["baseline"]["params"] == 1_199_882
    assert [stage["params"] for stage in shown["stages"]] == [1_199_882, params, params]


@pytest.mark.parametrize(
    ("model", "technique"),
    [
        ("mnist_cnn", "l1_channel_pruning"),
        ("mnist_cnn", "magnitude_pruning"),
        ("mlp_student", "magnitude_pruning"),
        ("mobilenet_v3_small", "l1_channel_pruning"),
    ],
)
def test_figures_are_those_of_the_record(model: str, technique: str) -> None:
    asked = a_spec([PRUNED[0], {"name": technique, "sparsity": 0.6}], model=model)
    shown, record = preview.preview(asked), run.execute(asked)
    assert (shown["params"], shown["macs"]) == (record.params, record.macs)
    assert shown["nonzero_params"] == pytest.approx(record.nonzero_params, rel=0.001)
    assert shown["size_bytes"] == pytest.approx(record.size_bytes, rel=0.03)


def test_stored_stages_are_free_and_the_price_rests_on_them() -> None:
    before = preview.preview(a_spec())
    assert before["cached_stages"] == [] and "no stored run" in before["predicted"]["basis"]
    records.save(run.execute(a_spec()))
    after = preview.preview(a_spec())
    assert after["cached_stages"] == [0, 1, 2]
    assert after["predicted"]["wall_s"] == 0 and after["predicted"]["basis"] == "every stage is stored"
    longer = preview.preview(a_spec([{"name": "train", "epochs": 4}]))
    assert "1 stored train stage of mnist_cnn on digits" in longer["predicted"]["basis"]


def test_the_price_of_a_distillation_is_that_of_the_stored_one() -> None:
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [PRUNED[0]]}
    distill = {"name": "distill", "epochs": 2, "teacher": teacher}
    stored = run.execute(a_spec([distill], model="mlp_student"))
    records.save(stored)
    hotter = preview.preview(a_spec([{**distill, "temperature": 8}], model="mlp_student"))
    assert hotter["predicted"]["energy_j"] == pytest.approx(stored.stages[0].energy_j)


def test_nothing_is_downloaded_for_a_look(own_store: Path) -> None:
    shown = preview.preview(a_spec(dataset="cifar10"))
    assert shown["baseline"]["macs"] > 10_000_000
    assert not (own_store / "data").exists()
