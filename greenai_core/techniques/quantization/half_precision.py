"""Store weights in 16 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenai_core.techniques._base import Deploys

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["HalfPrecision"]


class HalfPrecision(Deploys):
    """Half precision: write the deployed file with its weights in float16.

    The file is half as large. The runtime turns the weights back into float32 when it opens the file, as processors
    rarely compute in float16: time, energy and memory at work stay what they were. Predictions hardly ever change.

    Pays: where a file shall shrink without a look at its accuracy: mnist_cnn keeps 93.4 % on validation in half of the
        bytes (the bank, one seed). Neither time nor joules become less; where calibration is possible,
        static_quantization halves the file again and is faster.
    Family: quantization
    Source: Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740
    """

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Write the file."""
        from greenai_core.candidate import Artifact
        from greenai_core.techniques.quantization._packed import Half, written

        return replace(candidate, artifact=Artifact("onnx", written(candidate, ctx.data.input_shape, Half())))

    def predict_bytes(self, candidate: Candidate, input_shape: tuple[int, int, int]) -> int | None:
        """Return the bytes of the file."""
        from greenai_core.techniques.quantization._packed import Half, predicted

        return predicted(candidate, input_shape, Half())
