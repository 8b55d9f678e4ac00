"""The hash function of hashed layers: a polynomial modulo a prime, which ONNX can compute as well as torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

PRIME = 2**31 - 1
DEGREE = 3


def coefficients(generator: torch.Generator) -> list[int]:
    """Draw a hash function: the coefficients of a polynomial of degree `DEGREE`, the highest power first."""
    import torch

    return [int(number) for number in torch.randint(1, PRIME, (DEGREE + 1,), generator=generator)]


def signed_buckets(size: int, buckets: int, coefficients: Sequence[int]) -> torch.Tensor:
    """Return where each of `size` positions is hashed to: int64 from 0 to 2 * buckets - 1.

    j < buckets stands for the value j, j >= buckets for the value j - buckets with the other sign.

    Source: polynomials over a prime field, Wegman and Carter 1981, https://doi.org/10.1016/0022-0000(81)90033-7
    """
    import torch

    positions = torch.arange(size)
    hashed = torch.full_like(positions, coefficients[0])
    for coefficient in coefficients[1:]:
        hashed = hashed.mul_(positions).add_(coefficient).remainder_(PRIME)  # below 2^63 for fewer than 2^32 positions
    return hashed.remainder_(2 * buckets)
