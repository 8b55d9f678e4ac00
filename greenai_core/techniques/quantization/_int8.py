"""What the techniques have in common that write int8 files with ranges found on training images."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.techniques._base import Deploys

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

BATCH = 32
"""Images that are calibrated on at a time: all their activations are held."""


class Calibrated(Deploys):
    """The fields of calibration, and the file that follows from it, in which every weight has a byte of its own."""

    needs: ClassVar[frozenset[Fact]] = Deploys.needs | {"unshared"}

    images: int = Field(
        256,
        ge=1,
        le=10_000,
        title="Calibration images",
        description="training images, drawn at random, on which the ranges of activations are found",
    )
    method: Literal["minmax", "entropy", "percentile"] = Field(
        "minmax",
        title="Calibration method",
        description="range of an activation: all values; the one that loses least information (slow); a percentile",
    )
    percentile: float = Field(
        99.99,
        gt=50,
        le=100,
        title="Percentile",
        description="of the values that lie within the range; rarer ones are cut off (method percentile only)",
        json_schema_extra={"applies_with": {"method": "percentile"}},
    )

    def deploy(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Return the candidate as an int8 file."""
        from dataclasses import replace

        import torch

        from greenai_core.candidate import Artifact
        from greenai_core.export import export_onnx
        from greenai_core.techniques.quantization._onnxruntime import static

        self.check(candidate.model)
        train = ctx.data.train.images
        drawn = torch.randperm(len(train), generator=ctx.rng)[: self.images]
        batches = [train[part].cpu().numpy() for part in drawn.to(train.device).split(BATCH)]
        content = static(
            export_onnx(candidate.model, ctx.data.input_shape),
            batches,
            method=self.method,
            percentile=self.percentile,
        )
        return replace(candidate, artifact=Artifact("onnx", content))

    def predict_bytes(self, candidate: Candidate, input_shape: tuple[int, int, int]) -> int | None:
        """Predict the int8 file."""
        from greenai_core.techniques.quantization._predict import static_bytes

        self.check(candidate.model)
        return static_bytes(candidate.model, input_shape)

    def check(self, model: nn.Module) -> None:
        """Refuse a network that would stay what it is.

        Raises:
            BadInput: it is recurrent.
        """
        from torch import nn

        if any(isinstance(layer, nn.RNNBase) for layer in model.modules()):
            raise BadInput(
                f"recipe: {self.name} needs a network without recurrent layers, for which no int8 file with fixed "
                "ranges exists; choose dynamic_quantization (lstm) or weight_only_int8."
            )
