"""Store weights in 4 bits."""

from __future__ import annotations

from typing import ClassVar, Literal

from greenai_core.techniques.quantization._weight_only import WeightOnly

__all__ = ["WeightOnlyInt4"]


class WeightOnlyInt4(WeightOnly):
    """Weight-only int4: write the deployed file with its weights as integers of 4 bits.

    The file is about a seventh as large; that of a small network is larger, as its names, scales and graph stay: 0.42
    of plain_cnn with 4 channels, 0.39 of resnet20 and 0.22 of mobilenet_v2 at width 0.25 (`python -m greenai_core
    preview`). What is computed between layers stays float32. Each scale is chosen by least squares. Linear layers keep
    their integers at work, with a scale per block of inputs, and round what they multiply them with to 8 bits.
    Convolutions are restored to float32 when the file is opened, with one scale per output channel.

    Pays: where bytes count and layers are wide: mnist_cnn keeps 93.2 of 93.4 % on validation in 0.13 of the bytes, and
        its large linear layer one image at a time takes it to 0.73 of the time (the bank, one seed). Narrow networks
        lose some accuracy (compare with kmeans_codebook, whose values follow the weights), and convolutions gain no
        speed: others are as fast as before, in batches of 256 up to a tenth slower.
    Family: quantization
    Source: Frantar, Ashkboos, Hoefler, Alistarh 2023 (there with calibration, here by rounding), https://arxiv.org/abs/2210.17323
    """

    bits: ClassVar[Literal[4, 8]] = 4
