"""Gates that open and close with learnt probabilities: the hard concrete distribution.

Source: Louizos, Welling, Kingma 2018, https://arxiv.org/abs/1712.01312
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.utils import parametrize

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
"""Temperature of the concrete distribution, and the interval to which it is stretched; the paper's values."""

OPEN = math.log(0.9 / 0.1)
"""Logarithm of the odds with which a gate begins."""


class Gate(nn.Module):
    """Multiplies a tensor by gates in [0, 1]: drawn in training, at their likely values else."""

    def __init__(self, shape: tuple[int, ...], speed: float, like: torch.Tensor) -> None:
        """Make gates that are nearly open.

        Args:
            shape: of the gates; broadcast to the tensor's.
            speed: the log-odds are the parameter times this, so that they learn so many times faster than weights.
            like: the tensor that is gated.
        """
        super().__init__()
        self.speed, self.share = speed, like.numel() / math.prod(shape)
        self.scaled_log_alpha = nn.Parameter(torch.full(shape, OPEN / speed, device=like.device))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the gated tensor."""
        log_alpha = self.scaled_log_alpha * self.speed
        if self.training:
            noise = torch.rand_like(log_alpha).clamp(1e-6, 1 - 1e-6)
            log_alpha = (noise.logit() + log_alpha) / BETA
        return weight * (log_alpha.sigmoid() * (ZETA - GAMMA) + GAMMA).clamp(0, 1)

    def expected(self) -> torch.Tensor:
        """Return the expected number of weights whose gate is not zero."""
        log_odds = self.scaled_log_alpha * self.speed - BETA * math.log(-GAMMA / ZETA)
        return log_odds.sigmoid().sum() * self.share


@contextmanager
def gated(model: nn.Module, shapes: Mapping[str, tuple[int, ...]], speed: float) -> Iterator[None]:
    """Gate the named weights of a model within; afterwards they are plain parameters, multiplied by their gates."""
    places = [(model.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in shapes]
    gates = [Gate(shape, speed, model.get_parameter(name)) for name, shape in shapes.items()]
    for (layer, leaf), gate in zip(places, gates, strict=True):
        parametrize.register_parametrization(layer, leaf, gate)
    try:
        yield
    finally:
        for (layer, leaf), gate in zip(places, gates, strict=True):
            gate.eval()  # a training that was over when it was taken up again never left training mode
            parametrize.remove_parametrizations(layer, leaf)


def expected_share(model: nn.Module) -> torch.Tensor:
    """Return the expected fraction of the gated weights of a model whose gate is not zero."""
    gates = [module for module in model.modules() if isinstance(module, Gate)]
    return torch.stack([gate.expected() for gate in gates]).sum() / sum(
        gate.share * gate.scaled_log_alpha.numel() for gate in gates
    )
