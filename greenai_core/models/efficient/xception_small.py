"""A small Xception."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["xception_small"]

ENTRY = (64, 128, 256)
LAST = 512


def xception_small(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
    blocks: Annotated[
        int, Field(ge=0, le=8, title="Middle blocks", description="residual blocks that keep channels and resolution")
    ] = 2,
) -> "nn.Module":
    """Small Xception: separable convolutions in residual blocks, an entry that shrinks, a middle that repeats.

    The plan of the paper at about a third of its channels: a stem of 32, entry blocks of 64, 128 and 256 that each
    halve the resolution, `blocks` middle blocks (the paper has eight) of three separable convolutions, and an exit of
    512. As in the paper there is no non-linearity between the depthwise and the 1x1 convolution. Below 64 pixels a
    side the stem keeps the resolution.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Chollet 2017, https://arxiv.org/abs/1610.02357
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import Residual, classifier, conv_norm, scaled, stem_stride

    def separable(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            OrderedDict(
                relu=nn.ReLU(),
                depthwise=nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
                pointwise=nn.Conv2d(inputs, outputs, 1, bias=False),
                norm=nn.BatchNorm2d(outputs),
            )
        )

    channels = scaled(32, width)
    layers = OrderedDict[str, nn.Module](stem=conv_norm(input_shape[0], channels, stride=stem_stride(input_shape)))
    for number, plain in enumerate(ENTRY, 1):
        outputs = scaled(plain, width)
        body = nn.Sequential(
            OrderedDict(
                first=separable(channels, outputs),
                second=separable(outputs, outputs),
                pool=nn.MaxPool2d(3, 2, padding=1),
            )
        )
        layers[f"entry{number}"] = Residual(body, conv_norm(channels, outputs, 1, stride=2, relu=False))
        channels = outputs
    for number in range(1, blocks + 1):
        three = OrderedDict((place, separable(channels, channels)) for place in ("first", "second", "third"))
        layers[f"middle{number}"] = Residual(nn.Sequential(three))
    last = scaled(LAST, width)
    layers["exit"] = separable(channels, last)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers | classifier(last, num_classes))
