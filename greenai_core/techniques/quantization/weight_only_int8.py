"""Store weights in 8 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from greenai_core.techniques._base import Deploys

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["WeightOnlyInt8"]


class WeightOnlyInt8(Deploys):
    """Weight-only int8: write the deployed file with its weights as integers of 8 bits.

    The file is a quarter as large; what is computed between layers stays float32. Linear layers keep their integers at
    work, with a scale per block of inputs, and round what they multiply them with to 8 bits as well: one image at a
    time, a network with a large linear layer is faster (mnist_cnn about 1.4 times), others are as fast as before; in
    batches of 256 up to a tenth slower. Convolutions are restored to float32 when the file is opened, with one scale
    per output channel, and gain no speed: for that, choose static quantization. Nothing is calibrated.

    Family: quantization
    Source: Dettmers, Lewis, Belkada, Zettlemoyer 2022, https://arxiv.org/abs/2208.07339
    """

    block: Literal[32, 64, 128] = Field(
        128, title="Block", description="inputs of a linear layer that have a scale in common"
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Write the file."""
        from greenai_core.candidate import Artifact
        from greenai_core.techniques.quantization._packed import FewBits, written

        content = written(candidate, ctx.data.input_shape, FewBits(8, self.block))
        return replace(candidate, artifact=Artifact("onnx", content))

    def predict_bytes(self, candidate: Candidate, input_shape: tuple[int, int, int]) -> int | None:
        """Return the bytes of the file."""
        from greenai_core.techniques.quantization._packed import FewBits, predicted

        return predicted(candidate, input_shape, FewBits(8, self.block))
