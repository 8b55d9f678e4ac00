"""Store weights in 8 bits."""

from __future__ import annotations

from typing import ClassVar, Literal

from greenai_core.techniques.quantization._weight_only import WeightOnly

__all__ = ["WeightOnlyInt8"]


class WeightOnlyInt8(WeightOnly):
    """Weight-only int8: write the deployed file with its weights as integers of 8 bits.

    The file is a quarter as large; that of a small network is larger, as its names, scales and graph stay: 0.51 of
    plain_cnn with 4 channels, 0.48 of resnet20 and 0.34 of mobilenet_v2 at width 0.25 (`python -m greenai_core
    preview`). What is computed between layers stays float32. Linear layers keep their integers at work, with a scale
    per block of inputs, and round what they multiply them with to 8 bits as well. Convolutions are restored to float32
    when the file is opened, with one scale per output channel. Nothing is calibrated.

    Pays: where nothing can be calibrated, and one image at a time in a network with a large linear layer: mnist_cnn
        takes 0.26 of the bytes and 0.79 of the time, with the same accuracy to 0.1 points (the bank, one seed). Others
        are as fast as before and in batches of 256 up to a tenth slower; convolutions gain no speed: for that, choose
        static_quantization.
    Family: quantization
    Source: Dettmers, Lewis, Belkada, Zettlemoyer 2022, https://arxiv.org/abs/2208.07339
    """

    bits: ClassVar[Literal[4, 8]] = 8
