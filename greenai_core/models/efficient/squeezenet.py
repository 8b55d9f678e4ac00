"""SqueezeNet 1.1, adapted to small images."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["squeezenet"]


def squeezenet(input_shape: tuple[int, int, int], num_classes: int) -> "nn.Module":
    """SqueezeNet 1.1: fire modules, which squeeze the channels by 1x1 convolutions before they expand them.

    727,626 parameters on 3x32x32 with ten classes. There is no batch normalisation, which asks for a small
    learning rate and more epochs: on the digits, a peak of 0.001 reaches 0.85 in 5 epochs and 0.96 in 10; with 0.004,
    the default, it stays at chance. Below 64 pixels a side the first convolution keeps the resolution.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Iandola et al. 2016, https://arxiv.org/abs/1602.07360, as implemented in torchvision
    """
    from greenai_core.models._torchvision import stem
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models import squeezenet1_1 as build

    model = build(weights=None, num_classes=num_classes)
    model.features[0] = stem(input_shape, model.features[0])
    # torchvision clips the class scores at zero. The paper names a ReLU after the squeeze and expand layers only, and
    # without this one a short training reaches more: a score that is clipped for every image learns nothing.
    del model.classifier[2]
    return model
