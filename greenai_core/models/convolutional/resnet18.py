"""ResNet-18, adapted to small images."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["resnet18"]


BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""How many residual blocks each stage has (table 1 of the paper)."""

LATER = frozenset({"depth"})


def resnet18(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
    depth: Annotated[
        Literal[18, 34], Field(title="Depth", description="layers: 18 in eight residual blocks, or 34 in sixteen")
    ] = 18,
) -> "nn.Module":
    """ResNet-18: residual blocks of two 3x3 convolutions, eight of them or sixteen; the heavy one to compare with.

    11,173,962 parameters on 3x32x32 with ten classes, and more than twenty times the products of MobileNetV2: a
    teacher, and the network with the most to prune. Below 64 pixels a side the first convolution is 3x3 with stride 1
    and the max pooling after it is left out, as in the paper's networks for CIFAR-10.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: convolutional
    Source: He et al. 2016, https://arxiv.org/abs/1512.03385, blocks as implemented in torchvision
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import stem_stride
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models.resnet import BasicBlock

    def stage(place: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
        shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)] if stride > 1 else []
        first = BasicBlock(inputs, outputs, stride, nn.Sequential(*shortcut) if shortcut else None)
        return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(BLOCKS[depth][place] - 1)))

    channels, least = input_shape[0], round(64 * width)
    stride = stem_stride(input_shape)
    kernel = 3 if stride == 1 else 7
    layers = OrderedDict[str, nn.Module](
        conv1=nn.Conv2d(channels, least, kernel, stride, padding=kernel // 2, bias=False),
        bn1=nn.BatchNorm2d(least),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, stride=2, padding=1),
        layer1=stage(0, least, least, 1),
        layer2=stage(1, least, 2 * least, 2),
        layer3=stage(2, 2 * least, 4 * least, 2),
        layer4=stage(3, 4 * least, 8 * least, 2),
        avgpool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        fc=nn.Linear(8 * least, num_classes),
    )
    if stride == 1:
        del layers["maxpool"]
    model = nn.Sequential(layers)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return model
