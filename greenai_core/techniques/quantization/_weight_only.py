"""What the techniques have in common that store weights as integers of few bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from greenai_core.techniques._base import Deploys

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context


class WeightOnly(Deploys):
    """Writes the file with weights of so many `bits`; what is computed between layers stays float32."""

    bits: ClassVar[Literal[4, 8]]

    block: Literal[32, 64, 128] = Field(
        128, title="Block", description="inputs of a linear layer that have a scale in common"
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Write the file."""
        from greenai_core.candidate import Artifact
        from greenai_core.techniques.quantization._packed import FewBits, written

        content = written(candidate, ctx.data.input_shape, FewBits(self.bits, self.block))
        return replace(candidate, artifact=Artifact("onnx", content))

    def predict_bytes(self, candidate: Candidate, input_shape: tuple[int, int, int]) -> int | None:
        """Return the bytes of the file."""
        from greenai_core.techniques.quantization._packed import FewBits, predicted

        return predicted(candidate, input_shape, FewBits(self.bits, self.block))
