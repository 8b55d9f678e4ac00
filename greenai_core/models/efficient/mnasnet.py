"""MnasNet-B1, adapted to small images."""

from typing import TYPE_CHECKING

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mnasnet"]


def mnasnet(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
) -> "nn.Module":
    """MnasNet-B1: inverted residual blocks with kernels of 3 and 5, found by search for accuracy and latency.

    3,115,122 parameters on 3x32x32 with ten classes. `width` is what the paper calls the depth multiplier: channels
    come in multiples of 8, and the last convolution keeps its 1,280. Below 64 pixels a side the first convolution keeps
    the resolution.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Tan et al. 2019, https://arxiv.org/abs/1807.11626, as implemented in torchvision
    """
    from greenai_core.models._torchvision import in_sequence, settle_quickly, stem
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models import MNASNet

    model = MNASNet(width, num_classes)
    settle_quickly(model)
    model.layers[0] = stem(input_shape, model.layers[0])
    return in_sequence(model)
