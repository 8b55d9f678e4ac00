"""Write int8 weights and activations, with ranges found on training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenai_core.techniques.quantization._int8 import Calibrated

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["StaticQuantization"]


class StaticQuantization(Calibrated):
    """Static int8 quantization: weights and activations in 8 bits, without training.

    The file shrinks to a quarter, and the products are computed on integers: the time shrinks, too, where the processor
    multiplies bytes (AVX512-VNNI and the like) and layers are wide enough to fill its registers. Weights have a scale
    for each output channel, activations a range that is found on a few training images. Batch normalisation is taken
    into the convolutions first. Accuracy hardly changes as a rule; where it does, quantization_aware_training wins it
    back. Very narrow networks become slower: mnist_cnn cut to 7 and 13 channels takes about 1.5 times as long in int8
    as in fp32 (19.4 against 13.2 ms for 256 images), though its file is a quarter; uncut it takes less than half. These
    figures come from `python -m benchmarks.compressed_inference`. Not for recurrent networks (dynamic_quantization
    takes an lstm).

    Family: quantization
    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877; written by ONNX Runtime,
        https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Calibrate and write the file."""
        return self.deploy(candidate, ctx)
