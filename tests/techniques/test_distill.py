"""Distillation: the loss is the one that its documentation states."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from greenai_core import registry
from greenai_core.candidate import Candidate
from greenai_core.context import Context, Data, Images
from greenai_core.training import Batch


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("augment", ["none", "shift", "flip"])
def test_loss_is_hintons(alpha: float, temperature: float, augment: str) -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(10, 1, 4, 4), torch.arange(10) % 3
    data = Data(Images(images, labels), Images(images, labels), (1, 4, 4), 3)
    teacher = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    losses = []

    def fit(candidate: Candidate, **options: object) -> Candidate:
        losses.append(options["loss"])
        return candidate

    context = Context(data, fit, lambda spec: teacher, torch.Generator())
    parameters = {"name": "distill", "alpha": alpha, "temperature": temperature, "augment": augment}
    registry.parse("techniques", parameters).apply(Candidate(teacher), context)

    index, logits = torch.tensor([7, 2, 5]), torch.randn(3, 3)
    view = torch.tensor([1, 0, 1]) if augment == "flip" else torch.zeros(3, dtype=torch.int64)
    seen = images[index]
    seen[view == 1] = seen[view == 1].flip(3)
    p = F.softmax(teacher(seen) / temperature, 1)
    q = F.softmax(logits / temperature, 1)
    kl = (p * (p.log() - q.log())).sum(1).mean()
    expected = alpha * temperature**2 * kl + (1 - alpha) * F.cross_entropy(logits, labels[index])
    assert torch.allclose(
        losses[0](logits, Batch(seen, labels[index], index, labels[index], view)), expected, atol=1e-5
    )
