"""Techniques after one another: sensible orders give a model that predicts, others are refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
import torch

from greenai_core import checkpoint, counts, export, registry, spec
from greenai_core.candidate import Candidate
from greenai_core.runtime import onnx_of, predictor
from greenai_core.settings import ROOT
from greenai_core.techniques._base import Technique
from tests.test_contract import ENTRY, a_network, context, quick, tiny_data

SENSIBLE = [
    ("train", "l1_channel_pruning", "static_quantization"),
    ("train", "l1_channel_pruning", "fine_tune", "dynamic_quantization"),
    ("train", "l1_channel_pruning", "quantization_aware_training"),
    ("train", "l2_channel_pruning", "magnitude_pruning", "fine_tune"),
    ("train", "taylor_channel_pruning", "svd_factorization"),
    ("train", "bn_scale_channel_pruning", "half_precision"),
    ("train", "random_channel_pruning", "weight_only_int8"),
    ("network_slimming", "fine_tune", "weight_only_int4"),
    ("train", "layer_pruning", "l1_channel_pruning"),
    ("train", "layer_pruning", "tucker_factorization", "fine_tune"),
    ("train", "magnitude_pruning", "fine_tune", "kmeans_codebook", "entropy_coding"),
    ("train", "magnitude_pruning", "static_quantization", "entropy_coding"),
    ("train", "random_pruning", "fine_tune", "half_precision"),
    ("train", "vector_pruning", "entropy_coding"),
    ("train", "kernel_pruning", "static_quantization"),
    ("train", "two_four_pruning", "fine_tune", "weight_only_int8"),
    ("lottery_ticket", "entropy_coding"),
    ("l1_regularisation", "fine_tune", "kmeans_codebook"),
    ("l0_regularisation", "fine_tune", "static_quantization"),
    ("hashing_trick", "entropy_coding"),
    ("train", "kmeans_codebook", "fine_tune", "entropy_coding"),
    ("train", "svd_factorization", "static_quantization"),
    ("train", "tucker_factorization", "l1_channel_pruning"),
    ("distill", "static_quantization"),
    ("distill", "magnitude_pruning", "fine_tune", "kmeans_codebook", "entropy_coding"),
    ("decoupled_distillation", "l1_channel_pruning", "distill"),
    ("attention_distillation", "quantization_aware_training"),
    ("relational_distillation", "self_distillation", "half_precision"),
    ("train", "l1_channel_pruning", "uncertainty_distillation"),
    ("multi_teacher_distillation", "weight_only_int4", "entropy_coding"),
    ("transfer", "train", "static_quantization"),
]


def stages(names: tuple[str, ...]) -> list[Technique]:
    """The stages of a recipe as the spec lets them through."""
    recipe = [quick(name).model_dump(mode="json") for name in names]
    model = ENTRY.model_dump(mode="json")
    return list(spec.check({"dataset": {"name": "digits"}, "model": model, "recipe": recipe}).recipe)


@pytest.mark.parametrize("names", SENSIBLE, ids=" > ".join)
def test_sensible_recipes_lead_to_a_model_that_predicts(names: tuple[str, ...]) -> None:
    data = tiny_data()
    torch.manual_seed(0)
    candidate = Candidate(a_network(data))
    for stage in stages(names):
        candidate = stage.apply(candidate, context(data))
        stored = checkpoint.pack(candidate, ENTRY, data.input_shape, data.num_classes)
        candidate = checkpoint.unpack(*stored)  # as it is when the next stage belongs to another run
    file = export.deployed(candidate, data.input_shape, data.val.images)
    assert file.artifact is not None, file.reason
    assert onnx_of(file.artifact)
    assert file.difference is None or file.difference < 1e-3
    logits = predictor(candidate)(data.val.images)
    assert logits.shape == (24, 3) and logits.isfinite().all()
    assert (counts.of(candidate, data.input_shape).nonzero_params or 0) > 0


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("static_quantization",), "recipe.0: static_quantization needs a model that is trained"),
        (
            ("train", "static_quantization", "fine_tune"),
            "a network in floating point; put it before static_quantization",
        ),
        (("train", "static_quantization", "l1_channel_pruning"), "put it before static_quantization"),
        (("train", "half_precision", "static_quantization"), "floating point; leave out the half_precision before it"),
        (("train", "magnitude_pruning", "l1_channel_pruning"), "dense; put it before magnitude_pruning"),
        (("train", "kmeans_codebook", "svd_factorization"), "dense; put it before kmeans_codebook"),
        (("train", "entropy_coding", "distill"), "put it before entropy_coding"),
        (("entropy_coding",), "recipe.0: entropy_coding needs a model that is trained"),
        (("l1_channel_pruning", "train"), "recipe.0: l1_channel_pruning needs a model that is trained"),
        (("train", "entropy_coding", "entropy_coding"), "not coded yet; leave out the entropy_coding before it"),
        (("train", "hashing_trick"), "recipe.1: hashing_trick needs a model that is untrained; put it before train"),
        (("transfer", "hashing_trick"), "hashing_trick needs .* untrained; leave out the transfer before it"),
        (("train", "transfer"), "recipe.1: transfer needs a model that is untrained; put it before train"),
        (("distill", "transfer"), "recipe.1: transfer needs a model that is untrained; put it before distill"),
        (("train", "lottery_ticket"), "recipe.1: lottery_ticket needs a model that is untrained; put it before train"),
        (("hashing_trick", "lottery_ticket"), "lottery_ticket needs .* untrained; leave out the hashing_trick before"),
        (("transfer", "lottery_ticket"), "lottery_ticket needs .* untrained; leave out the transfer before it"),
        (("train", "kmeans_codebook", "static_quantization"), "without shared weights; leave out the kmeans_codebook"),
        (("train", "kmeans_codebook", "quantization_aware_training"), "without shared weights; leave out the kmeans"),
        (("hashing_trick", "static_quantization"), "without shared weights; leave out the hashing_trick before it"),
        (("hashing_trick", "dynamic_quantization"), "without shared weights; leave out the hashing_trick before it"),
    ],
)
def test_insensible_orders_are_refused(names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        stages(names)


@pytest.mark.parametrize("bank", sorted((ROOT / "results" / "bank").glob("*.parquet")), ids=lambda file: file.stem)
def test_what_was_measured_stays_allowed_and_keeps_its_identity(bank: Path) -> None:
    stored = pandas.read_parquet(bank, columns=["spec_id", "spec"])
    assert len(stored)
    for spec_id, document in zip(stored["spec_id"], stored["spec"], strict=True):
        assert spec.check(json.loads(document)).spec_id == spec_id


def test_every_technique_is_in_a_sensible_recipe() -> None:
    assert set(registry.names("techniques")) <= {name for names in SENSIBLE for name in names}
