"""Comparing what happens inside of teacher and student while the student trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from greenai_core.context import Context
from greenai_core.training import Batch, cross_entropy

if TYPE_CHECKING:
    from greenai_core.techniques.distillation._teaching import Distils


class Comparison(Protocol):
    """Something that a teacher shows, and how far the student is from it."""

    def ask(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the teacher shows of images (B, C, H, W), one row for each."""
        ...

    def within(self, model: nn.Module) -> AbstractContextManager[object]:
        """Look into the copy of the student that trains; nothing stays on it."""
        ...

    def loss(self, logits: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Return how far the student is from the teacher's answer, at the batch that gave its logits (B, K)."""
        ...


class Lesson:
    """Cross-entropy and a comparison: `loss` and `within` as ``ctx.fit`` takes them.

    The teacher is looked into when training begins, not before: in a preview nobody teaches.
    """

    def __init__(self, stage: Distils, ctx: Context, compare: Callable[[], Comparison]) -> None:
        self._stage, self._ctx, self._compare = stage, ctx, compare

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Ask the teacher and look into the student until the end."""
        self._comparison = self._compare()
        self._answers = self._stage.answers(self._comparison.ask, self._ctx)
        with self._comparison.within(model):
            yield

    def loss(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return cross-entropy plus the comparison's loss."""
        return cross_entropy(logits, batch) + self._comparison.loss(logits, self._answers(batch))
