"""The contract of a technique: a candidate goes in, a candidate comes out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from greenai_core.facts import NETWORK, Fact, words
from greenai_core.registry import Entry

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context


class Technique(Entry):
    """One step of a recipe: its fields are the hyper-parameters, `apply` does the work.

    A technique imports torch inside its methods only, so that forms and specs need not.
    """

    needs: ClassVar[frozenset[Fact]] = frozenset()
    """Facts that must hold before."""
    gives: ClassVar[frozenset[Fact]] = frozenset()
    """Facts that hold afterwards."""
    takes: ClassVar[frozenset[Fact]] = frozenset()
    """Facts that no longer hold afterwards."""
    teacher_may_differ: ClassVar[bool] = False
    """Whether a teacher may see other images and know other classes."""

    @property
    def training_epochs(self) -> int:
        """How often the step passes over the training images, all its trainings together; 0: it trains nothing."""
        return sum(getattr(self, field, 0) for field in ("epochs", "sparse_epochs"))

    @property
    def asks(self) -> int:
        """How often the step asks each of its teachers about each of the training images."""
        return 0

    @abstractmethod
    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Return the candidate after this step; call ``ctx.fit`` wherever something must be trained."""

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Add `needs`, `gives` and `takes` to the description of an entry."""
        return {
            **super().describe(),
            "needs": sorted(cls.needs),
            "gives": sorted(cls.gives),
            "takes": sorted(cls.takes),
        }


class Trains(Technique):
    """The fields that every technique that trains has in common, handed to ``ctx.fit`` as they are."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"rotation", "cutout", "mixup", "label_smoothing", "dropout", "patience", "freeze_out"}
    )

    paces: ClassVar[frozenset[str]] = frozenset({"epochs", "lr", "batch_size", "weight_decay", "precision"})
    """Fields of how an optimizer steps: what is fitted without one goes its own way, and they promise nothing else."""

    epochs: int = Field(5, ge=1, le=200, title="Epochs", description="passes over the training images")
    lr: float = Field(
        4e-3, gt=0, le=1, title="Peak learning rate", description="top of the one-cycle schedule of AdamW"
    )
    batch_size: int = Field(64, ge=1, le=4096, title="Batch size", description="images per optimizer step")
    weight_decay: float = Field(0.01, ge=0, le=1, title="Weight decay", description="decoupled, as in AdamW")
    augment: Literal["none", "shift", "flip_shift", "flip"] = Field(
        "none", title="Augmentation", description="random shifts by up to two pixels, mirroring, or both"
    )
    rotation: float = Field(
        0.0, ge=0, le=180, title="Rotation", description="degrees by which images turn at most, either way; 0: none"
    )
    cutout: int = Field(
        0, ge=0, le=200, title="Cutout", description="side in pixels of a hole at a random place; 0: none"
    )
    mixup: float = Field(
        0.0,
        ge=0,
        le=32,
        title="Mixup",
        description="alpha of the Beta distribution from which pairs of images and labels are mixed; 0: none",
    )
    label_smoothing: float = Field(
        0.0, ge=0, le=0.9, title="Label smoothing", description="share of each label that is spread over all classes"
    )
    dropout: float | None = Field(
        None,
        ge=0,
        le=0.9,
        title="Dropout",
        description="rate of every dropout layer in this stage; empty: the network's own rates",
    )
    patience: int = Field(
        0,
        ge=0,
        le=200,
        title="Patience",
        description="training ends after so many epochs without a better validation accuracy, and the best epoch's "
        "weights are kept; 0: never, and the last weights are",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        title="Precision",
        description="auto: bfloat16 where the processor computes it and the network gains by it; fp16 scales the loss, "
        "and is for graphics cards: on processors it is several times slower than fp32",
    )

    freeze_out: float = Field(
        1.0,
        gt=0,
        le=1,
        title="FreezeOut",
        description="share of this training after which the first layer learns no more, and one by one those up to the "
        "last convolution, which saves their part of the backward pass; 1: all learn to the end",
    )

    @property
    def for_networks(self) -> list[str]:
        """Fields that were chosen and would do nothing to a model that is fitted without an optimizer."""
        fields = Trains.model_fields
        return [name for name in fields if name not in self.paces and getattr(self, name) != fields[name].default]

    def fit_options(self) -> dict[str, Any]:
        """Return the shared fields as keyword arguments of ``ctx.fit``."""
        from greenai_core.augmentation import Augmentation

        chosen = {field: getattr(self, field) for field in Trains.model_fields}
        augmentation = Augmentation(**{field.name: chosen.pop(field.name) for field in fields(Augmentation)})
        return {**chosen, "augmentation": augmentation}


class Deploys(Technique):
    """A technique that writes the file that is deployed; what torch holds is no longer the truth afterwards."""

    needs: ClassVar[frozenset[Fact]] = frozenset({"trained", "float_weights"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"artifact"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"trainable", "float_weights", "dense"})

    @abstractmethod
    def predict_bytes(self, candidate: Candidate, input_shape: tuple[int, int, int]) -> int | None:
        """Return the bytes of the file that `apply` would write, from the shapes of tensors alone.

        Args:
            candidate: as it is before this stage, untrained.
            input_shape: (C, H, W).

        Returns:
            Within 3 % of the file; None where it depends on the values of the weights.
        """


def check_order(recipe: Sequence[Technique], fresh: frozenset[Fact]) -> None:
    """Check that each stage finds what it needs, from a model of which the facts `fresh` hold.

    Raises:
        ValueError: a stage lacks a fact; the sentence names the stage and who could have given the fact, or took it.
            Or an estimator is to be trained with a choice that only networks have.
    """
    facts = fresh
    for index, stage in enumerate(recipe):
        for fact in sorted(stage.needs - facts):
            taker = next((earlier for earlier in reversed(recipe[:index]) if fact in earlier.takes), None)
            if taker is None:
                giver = f"put a stage that makes it {words(fact)} before it"
                cure = "choose a network as the model" if fact in NETWORK - fresh else giver
            else:
                bars = taker.needs & stage.takes  # neither may follow the other
                cure = f"leave out the {taker.name} before it" if bars else f"put it before {taker.name}"
            raise ValueError(f"recipe.{index}: {stage.name} needs a model that is {words(fact)}; {cure}")
        if isinstance(stage, Trains) and not fresh >= NETWORK and (chosen := stage.for_networks):
            raise ValueError(
                f"recipe.{index}.{chosen[0]}: this model is fitted in one go, and {', '.join(chosen)} would do nothing "
                "to it; choose the default, or a network as the model"
            )
        facts = (facts - stage.takes) | stage.gives
    if "trained" not in facts:
        raise ValueError("recipe: nothing trains the model; add a train or distill stage")
