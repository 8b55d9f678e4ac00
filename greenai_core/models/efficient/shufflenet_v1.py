"""ShuffleNet, with pointwise group convolution and channel shuffle spelt out."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from greenai_core.models._fields import Width

if TYPE_CHECKING:
    from torch import nn

__all__ = ["shufflenet_v1"]

FIRST_STAGE = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
"""Output channels of the first stage by number of groups, chosen for equal products (table 1 of the paper)."""

REPEATS = (4, 8, 4)


def shufflenet_v1(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Width = 1.0,
    groups: Annotated[
        Literal[1, 2, 3, 4, 8],
        Field(
            title="Groups", description="groups of the 1x1 convolutions; more groups, more channels for the same work"
        ),
    ] = 3,
) -> "nn.Module":
    """ShuffleNet v1: 1x1 convolutions in groups, whose channels are shuffled so that the groups exchange what they see.

    The 1x1 convolutions are what costs in MobileNet; in groups they cost a third (with 3 groups). Below 64 pixels a
    side the first convolution keeps the resolution and the max pooling after it is left out. Channels are rounded to
    what the groups divide. Shuffling moves memory without computing anything: time falls less than the count of
    products.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Zhang, Zhou, Lin, Sun 2018, https://arxiv.org/abs/1707.01083
    """
    from collections import OrderedDict

    from torch import nn

    from greenai_core.models._blocks import classifier, conv_norm, scaled, stem_stride
    from greenai_core.models.efficient._shuffle import unit

    channels, stride = scaled(24, width, groups), stem_stride(input_shape)
    layers = OrderedDict[str, nn.Module](stem=conv_norm(input_shape[0], channels, stride=stride))
    if stride > 1:
        layers["max_pool"] = nn.MaxPool2d(3, 2, padding=1)
    for stage, repeats in enumerate(REPEATS):
        outputs = scaled(FIRST_STAGE[groups] * 2**stage, width, 4 * groups)
        for place in range(repeats):
            # The few channels of the stem are not split into groups (section 3.3 of the paper).
            first_groups = 1 if stage == place == 0 else groups
            layers[f"stage{stage + 2}_{place + 1}"] = unit(channels, outputs, groups, first_groups)
            channels = outputs
    return nn.Sequential(layers | classifier(channels, num_classes))
