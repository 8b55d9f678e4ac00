"""Weight sharing: few values, kept through training and checkpoints, in files that are really smaller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from greenai_core import checkpoint, coding, counts, estimators, export, hashing, registry, runtime, spec, training
from greenai_core.candidate import Artifact, Candidate
from greenai_core.constraints import Codebook, Hashed, Mask
from greenai_core.constraints._shared import Shared
from greenai_core.context import Context, Data, Images
from greenai_core.metrics import predicted_size_bytes
from greenai_core.registry import FunctionEntry
from greenai_core.techniques.weight_sharing.kmeans_codebook import clustered
from tests import networks

SMALL = (1, 12, 12)
TRAINING = {"epochs": 1, "lr": 1e-3, "batch_size": 8, "report": lambda step: None}


def blobs(shape: tuple[int, int, int] = SMALL) -> Data:
    """Four dozen images whose brightness is their class."""
    labels = torch.arange(48) % 3
    noise = torch.randn(48, *shape, generator=torch.Generator().manual_seed(0))
    part = Images(noise * 0.1 + labels.view(-1, 1, 1, 1).float(), labels)
    return Data(part, part, shape, 3)


def unchanged(candidate: Candidate, **options: Any) -> Candidate:
    return candidate


def trained_on(candidate: Candidate, **options: Any) -> Candidate:
    """Really train, whatever the options leave open."""
    generator = torch.Generator().manual_seed(0)
    return training.fit(candidate, blobs(), generator=generator, **{**TRAINING, **options})


def apply(
    technique: dict[str, Any], candidate: Candidate, fit: Any = unchanged, shape: tuple[int, int, int] = SMALL
) -> Candidate:
    context = Context(blobs(shape), fit, lambda teacher: nn.Identity(), torch.Generator().manual_seed(0))
    return registry.parse("techniques", technique).apply(candidate, context)


def entry(name: str) -> FunctionEntry:
    found = registry.parse("models", {"name": name})
    assert isinstance(found, FunctionEntry)
    return found


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.dim() > 1}


def difference(candidate: Candidate, content: bytes, shape: tuple[int, int, int]) -> float:
    images = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))
    return export.parity(candidate.model, content, images)


@pytest.fixture(scope="module")
def small() -> Candidate:
    torch.manual_seed(0)
    return Candidate(entry("mnist_cnn")(SMALL, 3).eval())


@pytest.fixture(scope="module")
def pruned(small: Candidate) -> Candidate:
    return apply({"name": "magnitude_pruning", "sparsity": 0.8}, small)


@pytest.fixture(scope="module")
def full() -> Candidate:
    """The published network with 1,199,882 parameters."""
    return Candidate(networks.model("mnist_cnn").eval())


@pytest.fixture(scope="module")
def fp32_bytes(full: Candidate) -> int:
    return len(export.export_onnx(full.model, networks.GREY))


@pytest.fixture(scope="module")
def shared(full: Candidate) -> Candidate:
    return apply({"name": "kmeans_codebook", "bits": 4}, full, shape=networks.GREY)


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_a_layer_has_no_more_values_than_its_codebook(small: Candidate, bits: int) -> None:
    after = apply({"name": "kmeans_codebook", "bits": bits}, small)
    assert all(len(weight.unique()) <= 2**bits for weight in weights(after.model).values())


def test_more_bits_lie_nearer(small: Candidate) -> None:
    def distance(bits: int) -> float:
        after = weights(apply({"name": "kmeans_codebook", "bits": bits}, small).model)
        return float(sum(((after[name] - weight) ** 2).sum() for name, weight in weights(small.model).items()))

    distances = [distance(bits) for bits in (2, 4, 6)]
    assert distances[0] > 8 * distances[1] > 64 * distances[2]  # a quarter per bit, were they spread evenly


def test_centroids_are_the_means_of_what_they_stand_for() -> None:
    values = np.random.default_rng(0).standard_normal((40, 50)).astype(np.float32)
    centroids, of = clustered(values, 8)
    assert len(centroids) == 8
    assert all(abs(values[of == k].mean() - centroid) < 0.01 for k, centroid in enumerate(centroids))
    assert (np.abs(values[..., None] - centroids).argmin(-1) == of).mean() > 0.999


@pytest.mark.parametrize("values", [[0.0, 0.0], [1.5, 1.5, 1.5], [0.0, 2.0, -1.0]])
def test_few_distinct_weights_stay_as_they_are(values: list[float]) -> None:
    plain = np.float32(values)
    centroids, of = clustered(plain, 16)
    assert np.array_equal(centroids[of], plain)


def test_a_four_bit_codebook_file_is_an_eighth_and_computes_the_same(
    shared: Candidate, full: Candidate, fp32_bytes: int
) -> None:
    content = export.onnx_file(shared, networks.GREY)
    assert len(content) <= 0.14 * fp32_bytes
    assert difference(shared, content, networks.GREY) < 1e-5
    assert difference(full, content, networks.GREY) > 1e-3  # it is the shared network and not the first one


@pytest.mark.parametrize("technique", ["kmeans_codebook", "hashing_trick"])
@pytest.mark.parametrize(
    "model",
    [
        {"name": "plain_cnn"},
        {"name": "plain_cnn", "channels": 4},
        {"name": "resnet20"},
        {"name": "resnet20", "width": 0.25},
        {"name": "lenet5"},
        {"name": "mlp_student"},
        {"name": "rnn"},
        {"name": "gru", "layers": 2},
        {"name": "lstm", "hidden": 64, "layers": 3},
    ],
    ids=lambda model: " ".join(map(str, model.values())),
)
def test_files_of_other_networks_compute_the_same_and_are_predicted(technique: str, model: dict[str, Any]) -> None:
    """With batch normalisation in narrow networks, residuals, and stacks of recurrent layers."""
    torch.manual_seed(0)
    network = networks.trained_looking(registry.parse("models", model)(networks.GREY, 10))
    after = apply({"name": technique}, Candidate(network.eval()), shape=networks.GREY)
    content = export.onnx_file(after, networks.GREY)
    assert difference(after, content, networks.GREY) < 1e-4
    saved = sum(constraint.saved_bytes(after.model) for constraint in after.constraints)
    assert predicted_size_bytes(after.model, networks.GREY) - saved == pytest.approx(len(content), rel=0.03)


@pytest.mark.parametrize("technique", ["kmeans_codebook", "hashing_trick"])
def test_the_size_of_the_published_network_is_predicted(technique: str, full: Candidate) -> None:
    after = apply({"name": technique}, full, shape=networks.GREY)
    saved = sum(constraint.saved_bytes(after.model) for constraint in after.constraints)
    size = len(export.onnx_file(after, networks.GREY))
    assert predicted_size_bytes(after.model, networks.GREY) - saved == pytest.approx(size, rel=0.03)


def operations(content: bytes, folder: Path) -> list[str]:
    """What the runtime carries out once it has opened the file."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return sorted(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


@pytest.mark.parametrize("technique", ["kmeans_codebook", "hashing_trick"])
@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_the_weights_of_recurrent_layers_are_shared(technique: str, name: str) -> None:
    before = networks.model(name).eval()
    after = apply({"name": technique}, Candidate(before), shape=networks.GREY)
    shared, plain = export.onnx_file(after, networks.GREY), export.export_onnx(before, networks.GREY)
    assert len(shared) < 0.2 * len(plain)
    assert difference(after, shared, networks.GREY) < 1e-5 < difference(Candidate(before), shared, networks.GREY)


@pytest.mark.parametrize("technique", ["kmeans_codebook", "hashing_trick"])
@pytest.mark.parametrize("name", ["resnet20", "lstm"])
def test_the_file_runs_as_the_plain_one_does(technique: str, name: str, tmp_path: Path) -> None:
    """All that restores weights, and batch normalisation, is gone once the file is open."""
    after = apply({"name": technique}, Candidate(networks.model(name).eval()), shape=networks.GREY)
    plain = operations(export.export_onnx(after.model, networks.GREY), tmp_path)
    assert operations(export.onnx_file(after, networks.GREY), tmp_path) == plain


def test_equal_layers_that_the_exporter_merges_are_packed() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 144), nn.ReLU(), nn.Linear(144, 144), nn.ReLU())
    model[3].load_state_dict(model[1].state_dict())
    after = apply({"name": "kmeans_codebook", "bits": 2}, Candidate(model))
    content = export.onnx_file(after, SMALL)
    assert len(content) < 144 * 144  # both are there once, with a quarter of a byte for each weight
    assert difference(after, content, SMALL) < 1e-5


def test_what_pruning_removed_stays_zero(pruned: Candidate) -> None:
    after = apply({"name": "kmeans_codebook", "bits": 3, "epochs": 2}, pruned, trained_on)
    later = training.fit(after, blobs(), generator=torch.Generator().manual_seed(1), **TRAINING)
    for candidate in (after, later):
        for name, weight in weights(candidate.model).items():
            assert torch.equal(weight == 0, weights(pruned.model)[name] == 0)
            assert len(weight.unique()) <= 8
    assert {type(constraint) for constraint in later.constraints} == {Codebook, Mask}


def test_pruning_what_is_shared_gives_a_file_that_computes_the_same(shared: Candidate) -> None:
    after = apply({"name": "magnitude_pruning", "sparsity": 0.3}, shared)
    content = export.onnx_file(after, networks.GREY)
    assert difference(after, content, networks.GREY) < 1e-5
    assert len(content) < 0.2 * len(export.export_onnx(after.model, networks.GREY))


PRUNINGS: list[dict[str, Any]] = [
    {"name": "magnitude_pruning"},
    {"name": "random_pruning", "sparsity": 0.3},
    {"name": "kernel_pruning", "sparsity": 0.3},
    {"name": "vector_pruning", "sparsity": 0.3},
    {"name": "two_four_pruning"},
]


@torch.no_grad()
def loss_of(candidate: Candidate) -> float:
    data = blobs()
    return float(F.cross_entropy(candidate.model(data.train.images), data.train.labels))


@pytest.mark.parametrize("technique", ["kmeans_codebook", "hashing_trick"])
@pytest.mark.parametrize("pruning", PRUNINGS, ids=lambda pruning: pruning["name"])
def test_what_is_left_of_a_group_trains_on(technique: str, pruning: dict[str, Any], small: Candidate) -> None:
    """Also where its first weight was removed: what is shared is the value of those that are left."""
    shared = apply({"name": technique}, trained_on(small, epochs=4), trained_on)
    once = apply(pruning, shared)
    on = trained_on(once, epochs=2)
    assert loss_of(on) < loss_of(once)
    sharing, mask = on.constraints
    assert isinstance(sharing, Shared) and isinstance(mask, Mask)
    for name, kept in mask.by_name.items():
        weight, groups = on.model.get_parameter(name).detach().flatten(), sharing.groups(name, kept.shape)
        assert torch.equal(weight != 0, kept.flatten()), "nothing else became zero"
        shares = groups.signed(sharing.values(name, on.model.get_parameter(name))[groups.of])
        assert torch.equal(weight, shares * kept.flatten())


def test_a_second_codebook_takes_the_place_of_the_first(small: Candidate) -> None:
    once = apply({"name": "kmeans_codebook", "bits": 5}, small)
    twice = apply({"name": "kmeans_codebook", "bits": 2}, once)
    assert [type(constraint) for constraint in twice.constraints] == [Codebook]
    assert all(len(weight.unique()) <= 4 for weight in weights(twice.model).values())


Gathered = Callable[[torch.Tensor], torch.Tensor]


def some_codebook() -> tuple[Codebook, int, Gathered]:
    indices = torch.randint(5, (6, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return Codebook({"weight": indices}), 5, lambda values: values[indices.long()]


def some_hash() -> tuple[Hashed, int, Gathered]:
    coefficients = hashing.coefficients(torch.Generator().manual_seed(0))
    buckets = hashing.signed_buckets(24, 7, coefficients).view(6, 4)
    constraint = Hashed({"weight": torch.tensor([*coefficients, 7])})
    return constraint, 7, lambda values: torch.cat([values, -values])[buckets]


@pytest.mark.parametrize("share", [1, 0.6])
@pytest.mark.parametrize("some", [some_codebook, some_hash])
def test_gradients_are_those_of_the_values(some: Callable[[], tuple[Any, int, Gathered]], share: float) -> None:
    """As autograd finds them for a layer that gathers its weights from the values, and that pruning left a share of."""
    constraint, number, gathered = some()
    values = torch.randn(number, requires_grad=True, generator=torch.Generator().manual_seed(1))
    layer, images = nn.Linear(4, 6), torch.randn(9, 4)
    kept = torch.rand(6, 4, generator=torch.Generator().manual_seed(2)) < share
    layer.weight.data = (gathered(values) * kept).detach()
    F.linear(images, gathered(values) * kept, layer.bias).square().sum().backward()
    layer(images).square().sum().backward()
    constraint.share_gradients(layer)
    assert values.grad is not None
    assert torch.allclose(layer.weight.grad, gathered(values.grad) * kept, atol=1e-4)


@pytest.mark.parametrize("technique", ["kmeans_codebook", "hashing_trick"])
def test_sharing_survives_a_checkpoint_and_further_training(technique: str, small: Candidate) -> None:
    after = apply({"name": technique}, small, trained_on)
    restored = checkpoint.unpack(*checkpoint.pack(after, entry("mnist_cnn"), SMALL, 3))
    generators = (torch.Generator().manual_seed(1) for _ in range(2))
    torch.manual_seed(1)
    later = training.fit(restored, blobs(), generator=next(generators), **TRAINING)
    torch.manual_seed(1)
    uninterrupted = training.fit(after, blobs(), generator=next(generators), **TRAINING)
    (constraint,) = later.constraints
    for name, weight in weights(later.model).items():
        assert torch.equal(weight, weights(uninterrupted.model)[name])
        assert not torch.equal(weight, weights(after.model)[name])
        values = constraint.values(name, weight)
        assert len(weight.abs().unique()) <= len(values)
        groups = constraint.groups(name, weight.shape)
        assert torch.equal(groups.signed(values[groups.of]).view_as(weight), weight)


def test_training_the_shared_values_lowers_the_loss(small: Candidate) -> None:
    data = blobs()

    @torch.no_grad()
    def loss(candidate: Candidate) -> float:
        return float(F.cross_entropy(candidate.model(data.train.images), data.train.labels))

    trained = trained_on(small, epochs=4)
    once = apply({"name": "kmeans_codebook", "bits": 1}, trained)
    tuned = apply({"name": "kmeans_codebook", "bits": 1, "epochs": 4, "lr": 4e-3}, trained, trained_on)
    assert loss(trained) < loss(tuned) < 0.8 * loss(once)


@pytest.fixture(scope="module")
def hashed(full: Candidate) -> Candidate:
    return apply({"name": "hashing_trick", "compression": 0.1}, full, shape=networks.GREY)


def test_a_hashed_file_holds_the_values_only(hashed: Candidate, fp32_bytes: int) -> None:
    content = export.onnx_file(hashed, networks.GREY)
    assert len(content) <= 0.11 * fp32_bytes
    assert difference(hashed, content, networks.GREY) < 1e-5


def test_the_parameters_of_a_hashed_network_are_its_values(hashed: Candidate) -> None:
    plain = counts.of(replace(hashed, constraints=()), networks.GREY)
    count = counts.of(hashed, networks.GREY)
    biases = 32 + 64 + 128 + 10
    assert count.params == biases + 29 + 1844 + 117_965 + 128  # a tenth of each layer, rounded up
    assert count.nonzero_params == count.params
    assert count.macs == plain.macs


def test_layers_of_one_network_have_different_hashes(hashed: Candidate) -> None:
    (constraint,) = hashed.constraints
    assert len({tuple(values.tolist()) for values in constraint.by_name.values()}) == 4


def test_a_hashed_network_loses_no_channels() -> None:
    recipe = [{"name": "hashing_trick"}, {"name": "l1_channel_pruning"}]
    with pytest.raises(ValueError, match=r"recipe.1: l1_channel_pruning needs .* dense; put it before hashing_trick"):
        spec.check({"dataset": {"name": "digits"}, "model": {"name": "mnist_cnn"}, "recipe": recipe})


def test_weights_that_were_pruned_follow_no_hash(hashed: Candidate) -> None:
    """Then nothing is saved, in the counts and in the file alike, and what the file computes is still right."""
    after = apply({"name": "random_pruning", "sparsity": 0.5}, hashed)
    content = export.onnx_file(after, networks.GREY)
    assert difference(after, content, networks.GREY) < 1e-5
    assert counts.of(after, networks.GREY).params == 1_199_882
    saved = sum(constraint.saved_bytes(after.model) for constraint in after.constraints)
    assert predicted_size_bytes(after.model, networks.GREY) - saved == pytest.approx(len(content), rel=0.03)


def test_a_codebook_takes_the_place_of_a_hash(small: Candidate) -> None:
    once = apply({"name": "hashing_trick"}, small)
    twice = apply({"name": "kmeans_codebook", "bits": 3, "epochs": 1}, once, trained_on)
    assert [type(constraint) for constraint in twice.constraints] == [Codebook]
    assert all(len(weight.unique()) <= 8 for weight in weights(twice.model).values())


def code(candidate: Candidate, shape: tuple[int, int, int] = networks.GREY) -> bytes:
    artifact = apply({"name": "entropy_coding"}, candidate, shape=shape).artifact
    assert artifact is not None
    assert artifact.format == "coded"
    return artifact.content


def test_prune_share_code_shrinks_at_each_step(full: Candidate, shared: Candidate, fp32_bytes: int) -> None:
    sparse = apply({"name": "magnitude_pruning", "sparsity": 0.9}, full)
    both = apply({"name": "kmeans_codebook", "bits": 4}, sparse, shape=networks.GREY)
    sharing = len(export.onnx_file(shared, networks.GREY))
    assert len(code(both)) < 0.25 * sharing
    assert len(code(both)) < fp32_bytes / 30
    assert len(code(shared)) < sharing
    assert len(code(full)) < 0.9 * fp32_bytes


@pytest.mark.parametrize("before", [None, "kmeans_codebook", "weight_only_int8", "weight_only_int4", "half_precision"])
def test_a_coded_file_is_the_file_to_the_byte(before: str | None, small: Candidate) -> None:
    candidate = apply({"name": before}, small) if before else small
    exported = export.deployed(candidate, SMALL).artifact
    assert exported is not None
    coded = code(candidate, SMALL)
    assert coding.decode(coded) == exported.content
    assert len(coded) < len(exported.content)
    assert coding.decode(code(replace(candidate, artifact=Artifact("coded", coded)), SMALL)) == exported.content
    images = blobs().val.images
    deployed = runtime.predictor(replace(candidate, artifact=Artifact("coded", coded)))
    assert torch.equal(deployed(images), runtime.Deployed(exported.content)(images))


def test_a_fitted_tree_is_coded_too() -> None:
    tree = Candidate(entry("decision_tree")(SMALL, 3))
    fitted = estimators.fit(tree, blobs(), seed=0, report=lambda step: None)
    assert fitted.artifact is not None
    coded = code(fitted, SMALL)
    assert coding.decode(coded) == fitted.artifact.content
    assert len(coded) < len(fitted.artifact.content)


def test_a_coded_artifact_survives_a_checkpoint(small: Candidate) -> None:
    coded = apply({"name": "entropy_coding"}, small)
    restored = checkpoint.unpack(*checkpoint.pack(coded, entry("mnist_cnn"), SMALL, 3))
    assert restored.artifact == coded.artifact
    assert onnx.load_from_string(runtime.onnx_of(restored.artifact)).graph.node  # type: ignore[arg-type]


def test_the_size_of_a_coded_file_is_not_predicted(small: Candidate) -> None:
    technique = registry.parse("techniques", {"name": "entropy_coding"})
    assert technique.predict_bytes(small, SMALL) is None  # type: ignore[attr-defined]
