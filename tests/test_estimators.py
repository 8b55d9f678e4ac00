"""Estimators of scikit-learn: the file says what the fitted estimator says, and a run treats them as any model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from greenai_core import checkpoint, estimators, registry, run
from greenai_core.candidate import Candidate
from greenai_core.context import Data, Images
from greenai_core.errors import BadInput
from greenai_core.preview import preview
from greenai_core.runtime import Deployed, predictor
from greenai_core.spec import check

CLASSICAL = ("decision_tree", "gradient_boosting", "linear_svm", "logistic_regression", "random_forest")
SHAPE = (1, 6, 6)


def some_data(classes: int = 3) -> Data:
    """Noisy images of a few classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % classes
    images = torch.randn(90, *SHAPE, generator=generator)
    images[torch.arange(90), 0, labels] += 2  # a row of its own for each class
    return Data(Images(images, labels), Images(images[:30], labels[:30]), SHAPE, classes)


def fitted(name: str, data: Data, seed: int = 0, **parameters: object) -> Candidate:
    model = registry.parse("models", {"name": name, **parameters})(data.input_shape, data.num_classes)
    return estimators.fit(Candidate(model), data, seed=seed, report=lambda step: None)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", CLASSICAL)
def test_an_estimator_learns_and_its_file_has_a_score_per_class(name: str, classes: int) -> None:
    data = some_data(classes)
    candidate = fitted(name, data)
    logits = predictor(candidate)(data.train.images)
    assert logits.shape == (90, classes)
    assert float((logits.argmax(1) == data.train.labels).float().mean()) > 0.8
    entry = registry.parse("models", {"name": name})
    restored = checkpoint.unpack(*checkpoint.pack(candidate, entry, SHAPE, classes))
    assert restored.artifact == candidate.artifact


@pytest.mark.parametrize("estimator", [DecisionTreeClassifier(max_depth=3), LogisticRegression()])
def test_a_softmax_of_the_file_gives_the_probabilities_back(estimator: DecisionTreeClassifier) -> None:
    data = some_data()
    images, labels = data.train.images.flatten(1).numpy(), data.train.labels.numpy()
    estimator.fit(images, labels)
    logits = Deployed(estimators.to_onnx(estimator, SHAPE))(data.train.images)
    assert np.allclose(logits.softmax(1).numpy(), estimator.predict_proba(images), atol=1e-4)


def test_a_seed_decides_what_a_forest_draws() -> None:
    data = some_data()
    once, again, other = (fitted("random_forest", data, seed, trees=5).artifact for seed in (1, 1, 2))
    assert once == again != other


def test_a_class_without_images_is_refused() -> None:
    data = some_data()
    lacking = Data(Images(data.train.images[::3], data.train.labels[::3]), data.val, SHAPE, 3)
    with pytest.raises(BadInput, match="class 1 has no training image"):
        fitted("decision_tree", lacking)


def a_spec(*recipe: dict[str, object], model: str = "decision_tree") -> dict[str, object]:
    stages = [{"name": "train"}, *recipe]
    return {
        "dataset": {"name": "digits"},
        "model": {"name": model},
        "recipe": stages,
        "measurement": {"profile": "quick"},
    }


def test_a_run_gives_a_record_with_the_same_keys_as_that_of_a_network() -> None:
    record = run.execute(check(a_spec()))
    assert record.status == "succeeded"
    assert record.accuracy > 0.7 and record.accuracy_val > 0.7
    assert (record.params, record.nonzero_params, record.macs) == (None, None, None)
    assert record.notes["params"] == record.notes["macs"] == "a tree has no weights and multiplies nothing"
    assert record.size_bytes > 1000 and record.latency_ms > 0 and record.energy_per_sample_j > 0
    assert record.measurements[0].runtime.startswith("onnxruntime")


def test_linear_weights_are_counted() -> None:
    record = run.execute(check({**a_spec(model="logistic_regression"), "measurement": {"profile": "none"}}))
    assert (record.params, record.macs) == (10 * 785, 10 * 784)
    assert 0 < record.nonzero_params <= record.params


def test_what_works_on_weights_is_refused() -> None:
    with pytest.raises(
        BadInput,
        match=r"recipe.1: magnitude_pruning needs a model that is a network in floating point; choose a network",
    ):
        check(a_spec({"name": "magnitude_pruning"}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("augment", "flip"),
        ("mixup", 0.2),
        ("label_smoothing", 0.1),
        ("dropout", 0.0),
        ("patience", 2),
        ("freeze_out", 0.5),
    ],
)
def test_what_only_the_training_of_a_network_has_is_refused(field: str, value: object) -> None:
    tree = {**a_spec(), "recipe": [{"name": "train", field: value}]}
    with pytest.raises(
        BadInput,
        match=rf"recipe\.0\.{field}: this model is fitted in one go, and {field} would do .* choose the default",
    ):
        check(tree)
    assert check({**tree, "model": {"name": "mnist_cnn"}})


def test_how_an_optimizer_steps_may_be_said_of_any_model() -> None:
    check({**a_spec(), "recipe": [{"name": "train", "epochs": 1, "lr": 0.1, "batch_size": 8, "precision": "fp32"}]})


def test_a_preview_says_that_sizes_depend_on_the_fit() -> None:
    shown = preview(check(a_spec()))
    assert shown["params"] is shown["size_bytes"] is shown["macs"] is None
    assert shown["predicted"]["wall_s"] > 0
