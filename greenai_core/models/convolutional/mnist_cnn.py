"""The network of the PyTorch MNIST example."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mnist_cnn"]


def mnist_cnn(input_shape: tuple[int, int, int], num_classes: int) -> "nn.Module":
    """MNIST example CNN: two 3x3 convolutions and two linear layers with dropout; 1,199,882 parameters on 1x28x28.

    Input (N, C, H, W), output logits (N, num_classes).

    Family: convolutional
    Source: PyTorch examples, https://github.com/pytorch/examples/tree/main/mnist
    """
    from collections import OrderedDict

    from torch import nn

    channels, height, width = input_shape
    features = 64 * ((height - 4) // 2) * ((width - 4) // 2)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, 32, 3),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(32, 64, 3),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            dropout1=nn.Dropout(0.25),
            flatten=nn.Flatten(),
            fc1=nn.Linear(features, 128),
            relu3=nn.ReLU(),
            dropout2=nn.Dropout(0.5),
            fc2=nn.Linear(128, num_classes),
        )
    )
