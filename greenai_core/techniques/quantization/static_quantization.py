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

    The file shrinks to a quarter; that of a small network to more, as its names, scales and graph stay: 0.39 of
    plain_cnn with 4 channels, 0.36 of resnet20 and 0.33 of mobilenet_v2 at width 0.25 (`python -m greenai_core
    preview`). The products are computed on integers. Weights have a scale for each output channel, activations a range
    that is found on a few training images. Batch normalisation is taken into the convolutions first. Accuracy hardly
    changes as a rule; where it does, quantization_aware_training wins it back. Not for recurrent networks
    (dynamic_quantization takes an lstm).

    Pays: where the processor multiplies bytes (AVX512-VNNI and the like) and layers are wide enough to fill its
        registers: mnist_cnn takes 0.45 of the time and joules, resnet18 0.23 and 0.28, with the same accuracy to 0.1
        points (the bank, one seed). Very narrow networks become slower: mnist_cnn cut to 7 and 13 channels takes about
        1.5 times as long in int8 as in fp32 (19.4 against 13.2 ms for 256 images, `python -m
        benchmarks.compressed_inference`).
    Family: quantization
    Source: Jacob et al. 2018, https://arxiv.org/abs/1712.05877; written by ONNX Runtime,
        https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Calibrate and write the file."""
        return self.deploy(candidate, ctx)
