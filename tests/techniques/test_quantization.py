"""Int8: files of a quarter that compute nearly the same, ranges of training images, and training that pays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from greenai_core import registry, spec, training
from greenai_core.candidate import Candidate
from greenai_core.context import Context, Data, Images, tensors
from greenai_core.errors import BadInput
from greenai_core.export import export_onnx
from greenai_core.runtime import INPUT, predictor, session
from greenai_core.techniques.quantization._fake import fake_quantization, fake_weight
from tests.networks import GREY, model, trained_looking

STATIC, QAT, DYNAMIC = "static_quantization", "quantization_aware_training", "dynamic_quantization"


def noise(images: int, seed: int = 0) -> Images:
    generator = torch.Generator().manual_seed(seed)
    return Images(torch.randn(images, *GREY, generator=generator), torch.arange(images) % 10)


def context(data: Data, seed: int = 0) -> Context:
    def fit(candidate: Candidate, **options: Any) -> Candidate:
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        return training.fit(candidate, data, generator=generator, report=lambda step: None, **options)

    return Context(data, fit, lambda teacher: nn.Identity(), torch.Generator().manual_seed(seed))


NOISE = Data(noise(64), noise(16, 1), GREY, 10)


def apply(technique: Mapping[str, Any], candidate: Candidate | nn.Module, data: Data = NOISE) -> Candidate:
    before = candidate if isinstance(candidate, Candidate) else Candidate(candidate)
    stage: Any = registry.parse("techniques", technique)
    return stage.apply(before, context(data))


def content(candidate: Candidate) -> bytes:
    assert candidate.artifact is not None
    return candidate.artifact.content


@cache
def network(name: str) -> nn.Module:
    return model(name).eval()


@cache
def quantized(technique: str, name: str) -> bytes:
    return content(apply({"name": technique}, network(name)))


SMALL = ("mnist_cnn", "mlp_student", "plain_cnn", "lenet5")
LARGE = tuple(
    pytest.param(name, marks=pytest.mark.slow)
    for name in (
        "resnet18", "mobilenet_v2", "shufflenet_v1", "shufflenet_v2", "efficientnet", "ghostnet", "mobilenet_v3_small",
        "squeezenet", "xception_small",
    )
)  # fmt: skip


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_static_file_is_a_quarter_and_computes_nearly_the_same(name: str) -> None:
    small, plain = quantized(STATIC, name), export_onnx(network(name), GREY)
    assert len(small) <= 0.30 * len(plain)
    onnx.checker.check_model(onnx.load_from_string(small))
    opened, float_opened = session(small), session(plain)
    for batch in (1, 5):
        images = NOISE.train.images[:batch].numpy()
        (logits,), (exact,) = opened.run(None, {INPUT: images}), float_opened.run(None, {INPUT: images})
        assert logits.shape == (batch, 10)
        assert np.abs(logits - exact).max() <= 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_static_size_is_predicted(name: str) -> None:
    stage: Any = registry.parse("techniques", {"name": STATIC})
    predicted = stage.predict_bytes(Candidate(network(name)), GREY)
    assert predicted == pytest.approx(len(quantized(STATIC, name)), rel=0.03)


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_size_of_a_cut_network_is_predicted(sparsity: float) -> None:
    cut = apply({"name": "l1_channel_pruning", "sparsity": sparsity}, network("plain_cnn"))
    cut = Candidate(trained_looking(cut.model))
    stage: Any = registry.parse("techniques", {"name": STATIC})
    assert stage.predict_bytes(cut, GREY) == pytest.approx(len(content(stage.apply(cut, context(NOISE)))), rel=0.03)


@pytest.mark.parametrize(("layers", "name"), [("linear", "mlp_student"), ("linear", "lstm"), ("all", "plain_cnn")])
def test_dynamic_file_is_small_and_computes_nearly_the_same(layers: str, name: str) -> None:
    technique: Any = registry.parse("techniques", {"name": DYNAMIC, "layers": layers})
    file, plain = content(apply(technique, network(name))), export_onnx(network(name), GREY)
    assert len(file) <= 0.30 * len(plain)
    assert technique.predict_bytes(Candidate(network(name)), GREY) == pytest.approx(len(file), rel=0.03)
    for batch in (1, 5):
        images = {INPUT: NOISE.train.images[:batch].numpy()}
        (logits,), (exact,) = session(file).run(None, images), session(plain).run(None, images)
        assert np.abs(logits - exact).max() <= 0.05 * np.abs(exact).max()


def test_dynamic_leaves_convolutions_alone_unless_asked() -> None:
    operators = {node.op_type for node in onnx.load_from_string(quantized(DYNAMIC, "mnist_cnn")).graph.node}
    assert {"Conv", "MatMulInteger"} <= operators and "ConvInteger" not in operators


@pytest.mark.parametrize(
    ("technique", "name", "sentence"),
    [
        (STATIC, "lstm", "recipe: static_quantization needs a network without recurrent layers"),
        (QAT, "gru", "recipe: quantization_aware_training needs a network without recurrent layers"),
        (DYNAMIC, "gru", "recipe: dynamic_quantization needs a network whose recurrent layers are LSTMs"),
        (DYNAMIC, "squeezenet", "recipe: dynamic_quantization needs a network with linear layers or LSTMs"),
    ],
)
def test_networks_that_would_stay_what_they_are_are_refused(technique: str, name: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        apply({"name": technique}, network(name))


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_ranges_come_from_training_images_alone(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    stage = {"name": STATIC, "method": method, "images": 40}
    elsewhere = Data(NOISE.train, Images(1000 * NOISE.val.images, NOISE.val.labels), GREY, 10)
    brighter = Data(Images(3 * NOISE.train.images, NOISE.train.labels), NOISE.val, GREY, 10)
    file = content(apply(stage, network("plain_cnn")))
    assert content(apply(stage, network("plain_cnn"), elsewhere)) == file
    assert content(apply(stage, network("plain_cnn"), brighter)) != file
    assert capsys.readouterr().out == ""  # what a command prints is JSON


def test_a_rare_outlier_is_cut_off_by_the_percentile() -> None:
    images = NOISE.train.images.clone()
    images[0, 0, 0, 0] = 100.0
    outlier = Data(Images(images, NOISE.train.labels), NOISE.val, GREY, 10)

    def first_scale(**fields: Any) -> float:
        file = onnx.load_from_string(content(apply({"name": STATIC, **fields}, network("mlp_student"), outlier)))
        node = next(node for node in file.graph.node if node.op_type == "QuantizeLinear")
        return float(next(onnx.numpy_helper.to_array(t) for t in file.graph.initializer if t.name == node.input[1]))

    assert first_scale(method="minmax") == pytest.approx(104 / 255, rel=0.05)
    assert first_scale(method="percentile", percentile=99.9) < 0.1


def test_zeros_stay_zeros() -> None:
    pruned = apply({"name": "magnitude_pruning", "sparsity": 0.8}, network("mlp_student"))
    for technique in ({"name": STATIC}, {"name": QAT, "epochs": 1}):
        file = onnx.load_from_string(content(apply(technique, pruned)))
        weights = [onnx.numpy_helper.to_array(tensor) for tensor in file.graph.initializer]
        weights = [values for values in weights if values.dtype == np.int8 and values.ndim == 2]
        assert sum(map(np.size, weights)) == 784 * 128 + 128 * 64 + 64 * 10
        assert sum(int((values == 0).sum()) for values in weights) >= math.floor(0.8 * sum(map(np.size, weights)))


@pytest.mark.parametrize("technique", [STATIC, QAT, DYNAMIC])
def test_the_same_seed_gives_the_same_file_and_the_model_stays(technique: str) -> None:
    before = {name: value.clone() for name, value in network("mlp_student").state_dict().items()}
    files = [content(apply({"name": technique}, network("mlp_student"))) for _ in range(2)]
    assert files[0] == files[1]
    assert all(torch.equal(value, before[name]) for name, value in network("mlp_student").state_dict().items())


def test_fake_quantization_leaves_nothing_behind() -> None:
    candidate = Candidate(network("plain_cnn"))
    options: dict[str, Any] = {"epochs": 1, "lr": 1e-3, "precision": "fp32"}
    trained = context(NOISE).fit(candidate, **options, within=lambda m: fake_quantization(m, freeze_after=1))
    assert trained.model.state_dict().keys() == candidate.model.state_dict().keys()
    assert not any("forward" in vars(layer) for layer in trained.model.modules())
    assert not any(layer._forward_pre_hooks for layer in trained.model.modules())


def test_batch_normalisation_is_frozen_in_time() -> None:
    """Of four steps two collect statistics; the weights before and after folding are rounded alike."""
    network = model("plain_cnn")
    norm = next(layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    counted = []
    with fake_quantization(network, freeze_after=2):
        for _ in range(4):
            network.train()(NOISE.train.images)
            counted.append(int(norm.num_batches_tracked))
    assert counted == [1, 2, 2, 2]
    weight, factor = torch.randn(4, 3, 3, 3), torch.tensor([0.1, -2.0, 1.0, 30.0]).view(4, 1, 1, 1)
    assert torch.allclose(fake_weight(weight * factor), fake_weight(weight) * factor, rtol=1e-5)


def test_what_training_sees_is_what_the_file_computes() -> None:
    network = model("mlp_student").eval()
    with fake_quantization(network, freeze_after=0), torch.no_grad():
        network.train()(NOISE.train.images)  # finds the ranges; this network has no dropout
        fake = network.eval()(NOISE.train.images)
    whole = apply({"name": STATIC, "images": 64}, network)
    assert torch.allclose(predictor(whole)(NOISE.train.images), fake, atol=2e-2 * float(fake.abs().max()))


@pytest.fixture(scope="module")
def digits() -> Data:
    built: Any = registry.parse("datasets", {"name": "digits"})
    splits, cpu = built(Path()), torch.device("cpu")
    return Data(tensors(splits, "train", cpu), tensors(splits, "val", cpu), splits.input_shape, 10)


def with_uneven_channels(network: nn.Module, factor: float) -> nn.Module:
    """Multiply an eighth of the units of each layer by a factor and divide their next weights: the same function."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer, following in pairwise(layers):
            units = len(layer.weight) // 8
            layer.weight[:units] *= factor
            layer.bias[:units] *= factor
            following.weight[:, :units] /= factor
    return network


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_with_rounding_beats_training_without(digits: Data, seed: int) -> None:
    """Some channels have 300 times the range of the others, which one range per tensor cannot hold.

    Both train the same number of epochs from the same network with the same settings, and are quantized alike.
    """
    torch.manual_seed(seed)
    untrained: Any = registry.parse("models", {"name": "mlp_student"})
    ctx = context(digits, seed)
    trained = ctx.fit(Candidate(untrained(digits.input_shape, 10)), epochs=3, lr=4e-3, precision="fp32").model
    uneven = Candidate(with_uneven_channels(trained, 300))
    options = {"epochs": 3, "lr": 2e-3, "precision": "fp32"}

    def accuracy(*recipe: Mapping[str, Any]) -> float:
        candidate = uneven
        for stage in recipe:
            candidate = registry.parse("techniques", stage).apply(candidate, context(digits, seed))  # type: ignore[attr-defined]
        return training.accuracy_of(predictor(candidate), "fp32", digits.val.images, digits.val.labels)

    without = accuracy({"name": STATIC})
    after = accuracy({"name": "fine_tune", **options}, {"name": STATIC})
    aware = accuracy({"name": QAT, **options})
    assert without < 0.6  # so harsh it is
    assert aware >= after


@pytest.mark.parametrize("technique", [STATIC, QAT, DYNAMIC])
@pytest.mark.parametrize("after", ["fine_tune", "l1_channel_pruning", "magnitude_pruning", "distill", STATIC])
def test_nothing_that_needs_weights_may_follow(technique: str, after: str) -> None:
    recipe = [{"name": "train"}, {"name": technique}, {"name": after}]
    cure = f"leave out the {technique} before it" if after == STATIC else f"put it before {technique}"
    with pytest.raises(ValueError, match=rf"recipe.2: {after} needs a model that is .*; {cure}"):
        spec.check({"dataset": {"name": "digits"}, "model": {"name": "mnist_cnn"}, "recipe": recipe})


@pytest.mark.parametrize("before", ["distill", "l1_channel_pruning", "magnitude_pruning"])
def test_it_may_follow_what_makes_a_network_smaller(before: str) -> None:
    recipe = [{"name": "train"}, {"name": before}, {"name": STATIC}]
    checked = spec.check({"dataset": {"name": "digits"}, "model": {"name": "mnist_cnn"}, "recipe": recipe})
    assert spec.check(json.loads(checked.model_dump_json())) == checked


def test_calibrating_on_nothing_but_black_images_works() -> None:
    """A preview or a second measurement has no images; its file is as large and as fast."""
    black = Data(Images(torch.zeros(1, *GREY), torch.zeros(1, dtype=torch.int64)), NOISE.val, GREY, 10)
    for method in ("minmax", "entropy", "percentile"):
        file = content(apply({"name": STATIC, "method": method}, network("plain_cnn"), black))
        assert math.isclose(len(file), len(quantized(STATIC, "plain_cnn")), rel_tol=0.01)
        session(file)
