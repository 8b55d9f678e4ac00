"""LeNet-5, with the layers as in the paper."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["lenet5"]

SIDE = 32


def lenet5(input_shape: tuple[int, int, int], num_classes: int) -> "nn.Module":
    """LeNet-5: two 5x5 convolutions with average pooling and three linear layers; 61,706 parameters on 1x28x28.

    Layer sizes, 32-pixel input (smaller images are padded with zeros) and tanh as in the paper. Three simplifications,
    all usual: C3 sees every map of S2 instead of a hand-made choice of them, pooling has no weights of its own, and
    the last layer is linear instead of distances to drawn digits. C5, a convolution over all that is left, is
    written as the linear layer that it is.
    Input (N, C, H, W), output logits (N, num_classes).

    Family: convolutional
    Source: LeCun, Bottou, Bengio, Haffner 1998, https://doi.org/10.1109/5.726791
    """
    from collections import OrderedDict

    from torch import nn

    channels, *sides = input_shape
    padding = [max(0, -(-(SIDE - side) // 2)) for side in sides]
    rows, columns = (((side + 2 * pad - 4) // 2 - 4) // 2 for side, pad in zip(sides, padding, strict=True))
    return nn.Sequential(
        OrderedDict(
            c1=nn.Conv2d(channels, 6, 5, padding=(padding[0], padding[1])),
            tanh1=nn.Tanh(),
            s2=nn.AvgPool2d(2),
            c3=nn.Conv2d(6, 16, 5),
            tanh2=nn.Tanh(),
            s4=nn.AvgPool2d(2),
            flatten=nn.Flatten(),
            c5=nn.Linear(16 * rows * columns, 120),
            tanh3=nn.Tanh(),
            f6=nn.Linear(120, 84),
            tanh4=nn.Tanh(),
            output=nn.Linear(84, num_classes),
        )
    )
