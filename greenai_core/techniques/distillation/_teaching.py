"""What distillations have in common: fields, a base class, and asking a teacher; nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.spec import Teacher
from greenai_core.techniques._base import Trains

if TYPE_CHECKING:
    import torch

    from greenai_core.context import Context
    from greenai_core.training import Batch

    Ask = Callable[[torch.Tensor], torch.Tensor]
    """What a teacher says of images (B, C, H, W): one row for each, (B, ...)."""
    Answers = Callable[[Batch], torch.Tensor]
    """What a teacher says of the images of a batch."""

ASKED_AT_ONCE = 256
"""Images; the activations of more leave the caches, and would not fit beside the maps of a large teacher."""

MOST_KEPT = 2
"""Views of an image of which a teacher's answers are kept."""

Temperature = Annotated[
    float,
    Field(ge=1, le=20, title="Temperature", description="divides the logits of teacher and student; higher is softer"),
]
Alpha = Annotated[
    float, Field(ge=0, le=1, title="Alpha", description="weight of the soft loss; the labels get the rest")
]


def a_teacher(model: str) -> Teacher:
    """Return the teacher that a form begins with: so named a model, trained from random weights."""
    return Teacher.model_validate({"model": {"name": model}, "recipe": [{"name": "train"}]})


class Distils(Trains):
    """A technique that trains on what teachers say; it may follow a cut, whose constraints are kept."""

    version: ClassVar[int] = 3
    needs: ClassVar[frozenset[Fact]] = frozenset({"float_weights"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"untrained"})

    @property
    def kept_views(self) -> int | None:
        """In how many ways an image is shown to a teacher, once each, before the training; None: as batches come.

        Mirrored images are two views, which are kept where that at least halves the asking. More are not: shifted
        images are 25, and what a teacher shows of all of them would fill the memory.
        """
        views = self.fit_options()["augmentation"].views
        return views if views == 1 or (views == MOST_KEPT and 2 * views <= self.epochs) else None

    @property
    def asks(self) -> int:
        """How often teachers are asked about each image: once for each view, or once in every epoch."""
        return self.kept_views or self.epochs

    def answers(self, ask: Ask, ctx: Context) -> Answers:
        """Return what `ask` answers about each batch; asked here where `kept_views` says so."""
        import torch

        from greenai_core.augmentation import MOVES

        silent = torch.no_grad()(ask)
        if self.kept_views is None:
            return lambda batch: silent(batch.images)
        parts, take = ctx.data.train.images.split(ASKED_AT_ONCE), MOVES[self.augment].take
        views = [torch.full((ASKED_AT_ONCE,), view, device=parts[0].device) for view in range(self.kept_views)]
        kept = torch.cat([silent(take(part, view[: len(part)])) for view in views for part in parts])
        return lambda batch: kept[batch.view * len(ctx.data.train.images) + batch.index]


class Taught(Distils):
    """A distillation with one teacher."""

    teacher: Teacher = Field(
        default_factory=lambda: a_teacher("mnist_cnn"),
        title="Teacher",
        description="model and recipe of the teacher; data set and seed are those of the run unless stated",
    )
