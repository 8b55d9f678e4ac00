"""The residual network for small images."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["resnet20"]


def resnet20(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
    depth: Annotated[
        int, Field(ge=1, le=18, title="Depth", description="residual blocks n in each of three stages: 6n + 2 layers")
    ] = 3,
) -> "nn.Module":
    """ResNet-20: 3x3 convolutions in three stages of residual blocks, the CIFAR network; 272,474 parameters on 3x32x32.

    Three stages of 16, 32 and 64 channels (times `width`) at full, half and quarter resolution, batch normalisation
    after each convolution. Where a stage begins, the shortcut is a 1x1 convolution (option B of the paper) instead of
    padding with zeros (option A, 269,722 parameters): its channels can then be pruned like all others. Often
    the teacher of smaller networks. Depth 3 is ResNet-20, 9 is ResNet-56, 18 is ResNet-110.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: convolutional
    Source: He, Zhang, Ren, Sun 2016, section 4.2, https://arxiv.org/abs/1512.03385
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import Residual, classifier, conv_norm, scaled

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        body = OrderedDict[str, nn.Module](
            first=conv_norm(inputs, outputs, stride=stride), second=conv_norm(outputs, outputs, relu=False)
        )
        changes = stride > 1 or inputs != outputs
        shortcut = conv_norm(inputs, outputs, 1, stride=stride, relu=False) if changes else nn.Identity()
        return nn.Sequential(OrderedDict(residual=Residual(nn.Sequential(body), shortcut), relu=nn.ReLU()))

    channels = scaled(16, width)
    layers = OrderedDict[str, nn.Module](stem=conv_norm(input_shape[0], channels))
    for stage, outputs in enumerate((channels, scaled(32, width), scaled(64, width)), 1):
        for place in range(1, depth + 1):
            layers[f"stage{stage}_{place}"] = block(channels, outputs, 2 if stage > 1 and place == 1 else 1)
            channels = outputs
    return nn.Sequential(layers | classifier(channels, num_classes))
