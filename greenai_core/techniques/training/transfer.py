"""Start from weights that were trained before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.spec import Teacher
from greenai_core.techniques._base import Technique

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["Transfer"]

LEAST_FOUND = 0.5
"""Share of a network's weights that must come from elsewhere; with fewer, what is called transfer would be training."""


class Transfer(Technique):
    """Transfer: start from the weights of another run, or of a file, and keep the first blocks as they are.

    A tensor is taken where its name and its shape agree, the rest stays fresh; at least half of the weights must be
    found. A first convolution on colour images is summed over its channels for grey ones. A source that learnt another
    number of classes gives everything but the last layer. So the network counts as trained, and train, fine_tune or a
    distillation may follow; a recipe that ends here measures a last layer that guesses, unless it was taken, too.

    Frozen blocks are the first layers and blocks that have weights, in order. Training leaves their weights and the
    statistics of their batch normalisation as they are and spares their backward pass: it gets cheaper. What a later
    stage puts in a frozen layer's place, such as its factors, is frozen in its stead. The deployed file stays as large
    and as fast as without.

    Pays: where images are few and the source has seen many of their kind: fewer epochs, and higher accuracy; the gain
        falls with the distance of the two tasks (Yosinski and others). Not from few images to many: from digits, its
        first block frozen, mnist_cnn ends at 90.4 % on the validation images of Fashion-MNIST after three epochs,
        without a source at 93.4 % after nine (the bank).
    Family: training
    Source: Yosinski, Clune, Bengio, Lipson 2014, https://arxiv.org/abs/1411.1792
    """

    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Fact]] = frozenset({"trainable", "untrained", "float_weights", "dense"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"untrained"})
    teacher_may_differ: ClassVar[bool] = True

    source: Teacher | None = Field(
        default_factory=lambda: Teacher.model_validate({"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train"}]}),
        title="Source",
        description="model and recipe of the network to start from; data set and seed are those of the run unless "
        "stated; null if weights are given",
    )
    weights: str | None = Field(
        None,
        min_length=1,
        title="Weights file",
        description="in place of a source: a file of torchvision, .pth or .safetensors, below GREENAI_DATA_DIR",
    )
    freeze: int = Field(
        0, ge=0, le=50, title="Frozen blocks", description="first blocks that later training leaves as they are"
    )

    @model_validator(mode="before")
    @classmethod
    def _weights_alone(cls, given: Any) -> Any:
        """Leave out the default source where weights are given."""
        if isinstance(given, dict) and given.get("weights") and "source" not in given:
            return {**given, "source": None}
        return given

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.source is None) == (self.weights is None):
            raise ValueError("transfer starts from a source or from a weights file; give one of both")
        return self

    @property
    def changeable(self) -> bool:  # type: ignore[override]
        """A file may hold something else tomorrow."""
        return self.weights is not None

    def content_digest(self) -> str | None:
        """Return the hash of the weights file; None where there is none.

        Raises:
            BadInput: the file is not to be had here.
        """
        from greenai_core.techniques.training._weights import digest

        return None if self.weights is None else digest(self._file())

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Put the weights in, and freeze the first blocks."""
        from greenai_core.constraints.frozen import blocks, first
        from greenai_core.techniques.training._weights import started

        model, share = started(candidate.model, self._given(ctx))
        if share < LEAST_FOUND:
            raise BadInput(
                f"recipe: transfer finds {share:.0%} of the model's weights, by name and shape, and needs at least "
                f"{LEAST_FOUND:.0%}; choose a source of the same network."
            )
        names = blocks(model)
        if self.freeze >= len(names):
            raise BadInput(
                f"recipe: transfer.freeze of {self.freeze} leaves nothing to train: the model has {len(names)} blocks "
                f"({', '.join(names)}); choose at most {len(names) - 1}."
            )
        held = (first(model, self.freeze),) if self.freeze else ()
        return replace(candidate, model=model, constraints=(*candidate.constraints, *held))

    def _given(self, ctx: Context) -> dict[str, torch.Tensor]:
        from greenai_core.techniques.training._weights import read

        return read(self._file()) if self.source is None else ctx.teacher(self.source).state_dict()

    def _file(self) -> Path:
        from greenai_core.settings import settings
        from greenai_core.techniques.training._weights import confined

        return confined(settings().data_dir, self.weights or "")
