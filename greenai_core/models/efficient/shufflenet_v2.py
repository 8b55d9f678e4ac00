"""ShuffleNetV2, adapted to small images."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

if TYPE_CHECKING:
    from torch import nn

__all__ = ["shufflenet_v2"]


def shufflenet_v2(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Annotated[
        Literal["0.5", "1.0", "1.5", "2.0"],
        Field(title="Width", description="which of the paper's four networks, named by the multiple of its channels"),
    ] = "1.0",
) -> "nn.Module":
    """ShuffleNetV2: half of the channels pass a block untouched, then the halves are shuffled.

    1,263,854 parameters on 3x32x32 with ten classes; 352,042 at width 0.5. Splitting and shuffling cost no products,
    but they do move memory. Below 64 pixels a side the first convolution keeps the resolution and the max pooling after
    it is left out.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: efficient convolutional
    Source: Ma et al. 2018, https://arxiv.org/abs/1807.11164, as implemented in torchvision
    """
    from greenai_core.models._blocks import stem_stride
    from greenai_core.models._torchvision import in_sequence, stem
    from greenai_core.models.efficient._halves import Halves
    from greenai_core.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.models import get_model

    model = get_model(f"shufflenet_v2_x{width.replace('.', '_')}", num_classes=num_classes)
    model.conv1[0] = stem(input_shape, model.conv1[0])
    if stem_stride(input_shape) == 1:
        del model.maxpool
    for stage in (model.stage2, model.stage3, model.stage4):
        for place, block in enumerate(stage):
            stage[place] = Halves(block)
    return in_sequence(model)
