"""Many values in statements that hold a limited number of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 500
"""What every database takes in one statement."""


def batches(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values in their order, so many at a time."""
    rest = iter(values)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch
