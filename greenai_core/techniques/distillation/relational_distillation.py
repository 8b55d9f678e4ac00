"""Teach how images lie to each other instead of what each of them is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.techniques.distillation._teaching import Taught

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["RelationalDistillation"]


class RelationalDistillation(Taught):
    """Relational distillation: match distances and angles among the images of a batch, as the teacher sees them.

    loss = cross-entropy + distance * Huber(distances of pairs, in units of their mean) + angle * Huber(cosines of the
    angles of triples). Teacher and student may have features of different widths: only relations are compared, among 64
    images at a time. Features are what the last linear layer looks at. A deployed file has none to look at: choose
    logits for such a teacher.

    Pays: where features are what is used, as in retrieval (the paper gains most in metric learning), or have another
        width than the teacher's; in the bank it gives 92.7 % on validation, distill 92.3 %, to mnist_cnn without 80 %
        of its channels (one seed; seeds of one recipe differ by 0.4 points). Not where joules count: it takes twice
        those of distill there, as the angles of small networks take longer than the network itself.
    Family: distillation
    Source: Park, Kim, Lu, Cho 2019, https://arxiv.org/abs/1904.05068
    """

    distance: float = Field(25.0, ge=0, le=200, title="Distance", description="weight of the distances of pairs")
    angle: float = Field(50.0, ge=0, le=200, title="Angle", description="weight of the angles of triples")
    on: Literal["features", "logits"] = Field(
        "features", title="Compare", description="relations among what the last layer looks at, or among its outputs"
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Train the candidate on the relations that the teacher sees."""
        from greenai_core.techniques.distillation import _relations
        from greenai_core.techniques.distillation._lesson import Lesson

        teacher, weights = ctx.teacher(self.teacher), _relations.Weights(self.distance, self.angle)
        if self.on == "logits":
            lesson = Lesson(self, ctx, lambda: _relations.Logits(teacher, weights))
        else:
            layer = self._last(copy.deepcopy(candidate.model), ctx, "model")
            lesson = Lesson(
                self,
                ctx,
                lambda: _relations.Penultimate(teacher, self._last(teacher, ctx, "teacher"), layer, weights),
            )
        return ctx.fit(candidate, **self.fit_options(), loss=lesson.loss, within=lesson.within)

    def _last(self, model: nn.Module, ctx: Context, role: str) -> str:
        """Return the name of the last layer.

        Raises:
            BadInput: there is none to look into.
        """
        from greenai_core.techniques.distillation._features import classifier

        name = classifier(model, ctx.data.train.images[:1])
        if name is None:
            raise BadInput(
                f'recipe: {self.name} needs a {role} with a linear layer to look into; choose "on": "logits".'
            )
        return name
