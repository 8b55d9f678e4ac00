"""EfficientNet with compound scaling, adapted to small images."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from greenai_core.models._fields import Resolution, Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["efficientnet"]


def efficientnet(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
    depth: Annotated[
        float,
        Field(ge=0.1, le=3.1, title="Depth", description="multiplier of the blocks of every stage, rounded up"),
    ] = 1.0,
    resolution: Resolution = 1.0,
) -> "nn.Module":
    """EfficientNet: inverted residual blocks with squeeze-and-excitation, scaled in width, depth and resolution.

    1, 1 and 1 is B0: 4,020,358 parameters on 3x32x32 with ten classes. The paper scales all three together, by 1.1, 1.2
    and 1.15 to the power of one exponent; each whole step about doubles the products. Only width and depth change the
    size. Images are resized inside the network (bilinear), so that the deployed file takes them as they are. Where they
    come in with fewer than 64 pixels a side, the first convolution keeps the resolution. Dropout and stochastic depth
    stay at B0's 0.2.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Tan and Le 2019, https://arxiv.org/abs/1905.11946, as implemented in torchvision
    """
    from greenai_core.models._blocks import resized
    from greenai_core.models._torchvision import in_sequence, stem
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models.efficientnet import EfficientNet, MBConvConfig

    # Table 1 of the paper: expansion, kernel, stride, channels in and out, blocks.
    stages = [
        (1, 3, 1, 32, 16, 1),
        (6, 3, 2, 16, 24, 2),
        (6, 5, 2, 24, 40, 2),
        (6, 3, 2, 40, 80, 3),
        (6, 5, 1, 80, 112, 3),
        (6, 5, 2, 112, 192, 4),
        (6, 3, 1, 192, 320, 1),
    ]
    settings = [MBConvConfig(*stage, width_mult=width, depth_mult=depth) for stage in stages]
    model = EfficientNet(settings, dropout=0.2, stochastic_depth_prob=0.2, num_classes=num_classes)
    model.features[0][0] = stem(input_shape, model.features[0][0])
    return in_sequence(model, **resized(input_shape, resolution))
