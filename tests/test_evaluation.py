"""Scores agree with scikit-learn's, and evaluating leaves no trace on the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch import nn

from greenai_core.errors import RunFailed
from greenai_core.evaluation import evaluate, evaluating, predict, score

pairs = st.integers(2, 12).flatmap(
    lambda classes: st.tuples(
        st.just(classes), st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1)
    )
)


@given(pairs)
def test_scores_are_those_of_scikit_learn(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    classes, couples = drawn
    true, predicted = (np.array(side) for side in zip(*couples, strict=True))
    logits = torch.nn.functional.one_hot(torch.from_numpy(predicted), classes).float()
    scores = score(logits, torch.from_numpy(true))
    assert scores.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert scores.f1_macro == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    expected = confusion_matrix(true, predicted, labels=range(classes))
    assert np.array_equal(np.array(scores.confusion), expected)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 36, 3))


def test_batches_make_no_difference() -> None:
    model, images = network(), torch.randn(37, 1, 8, 8)
    assert torch.allclose(predict(model, images, batch_size=5), predict(model, images), atol=1e-6)


def test_predicting_leaves_the_model_as_it_was() -> None:
    model = network().train()
    model[1].eval()  # a frozen layer stays frozen
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    evaluate(model, torch.randn(16, 1, 8, 8), torch.randint(3, (16,)))
    assert [module.training for module in model] == [True, False, True, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_modes_come_back_after_an_error() -> None:
    model = network().train()
    with pytest.raises(ZeroDivisionError), evaluating(model):
        _ = 1 / 0
    assert all(module.training for module in model.modules())


def test_outputs_that_are_not_numbers_are_no_prediction() -> None:
    logits = torch.tensor([[1.0, float("nan")], [0.0, 1.0]])
    with pytest.raises(RunFailed, match="diverged"):
        score(logits, torch.tensor([0, 1]))
