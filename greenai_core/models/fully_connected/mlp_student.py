"""A small multi-layer perceptron, the usual student of a distillation."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["mlp_student"]


def mlp_student(input_shape: tuple[int, int, int], num_classes: int) -> "nn.Module":
    """MLP student: 784-128-64-10 with ReLU between; 109,386 parameters on 1x28x28.

    Input (N, C, H, W), output logits (N, num_classes).

    Family: fully connected
    Source: the student of the published distillation table, results/reference/distillation.csv
    """
    from collections import OrderedDict
    from math import prod

    from torch import nn

    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(prod(input_shape), 128),
            relu1=nn.ReLU(),
            fc2=nn.Linear(128, 64),
            relu2=nn.ReLU(),
            fc3=nn.Linear(64, num_classes),
        )
    )
