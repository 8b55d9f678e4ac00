"""Walk a recipe without training: what follows from the shapes of tensors is as in the trained model.

The techniques are really applied, with a `fit` that returns its candidate unchanged.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from greenai_core.augmentation import PLAIN, Augmentation
from greenai_core.candidate import Candidate
from greenai_core.constraints.frozen import held
from greenai_core.context import Context, Data, Images
from greenai_core.dropout import dropping
from greenai_core.schedule import Schedule
from greenai_core.spec import Spec, Teacher
from greenai_core.techniques._base import Technique
from greenai_core.walk import fresh_model


def untrained(spec: Spec, input_shape: tuple[int, int, int], num_classes: int) -> Candidate:
    """Return the candidate at the end of a recipe that trained nothing."""
    candidate = Candidate(fresh_model(spec, input_shape, num_classes))
    for stage in spec.recipe:
        candidate = applied(stage, candidate, input_shape, num_classes)
    return candidate


def applied(stage: Technique, candidate: Candidate, input_shape: tuple[int, int, int], num_classes: int) -> Candidate:
    """Apply a technique without training."""
    image = Images(torch.zeros(1, *input_shape), torch.zeros(1, dtype=torch.int64))
    data = Data(image, image, input_shape, num_classes)

    def unchanged(
        candidate: Candidate,
        *,
        augmentation: Augmentation = PLAIN,
        dropout: float | None = None,
        freeze_out: float = 1.0,
        **options: Any,
    ) -> Candidate:
        """Refuse what a training would refuse, before anything was spent on it."""
        augmentation.check(image.images)
        with dropping(candidate.model, dropout), held(candidate.model, candidate.constraints):
            Schedule(candidate.model, 1, 1.0, freeze_out)
        return candidate

    def untaught(teacher: Teacher) -> nn.Module:
        model: nn.Module = teacher.model(input_shape, num_classes)
        return model.eval()

    return stage.apply(candidate, Context(data, unchanged, untaught, torch.Generator()))
