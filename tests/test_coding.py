"""Entropy coding: what is decoded is what was coded, to the bit, and changed files are refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from greenai_core import coding, export

FLOATS = arrays.arrays(
    st.sampled_from([np.float16, np.float32, np.float64]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=12),
    elements={"allow_subnormal": True, "allow_nan": True},
)
BITS = arrays.arrays(st.sampled_from([np.uint8, np.uint16, np.uint32, np.uint64]), st.integers(0, 300))
"""Any bits at all: as floats, these are infinities, numbers below the normal ones, and NaN with a payload."""


def same(numbers: np.ndarray) -> bool:
    raw = numbers.tobytes()
    return coding.decode_tensor(coding.encode_tensor(raw, numbers.itemsize)) == raw


@settings(max_examples=60, deadline=None)
@given(FLOATS)
@example(np.zeros(0, np.float32))
@example(np.zeros((3, 0), np.float16))
@example(np.full(1000, np.nan, np.float32))
@example(np.array([0x7F800001, 0x7FC00123, 0xFFFFFFFF, 1, 0x80000000] * 50, np.uint32).view(np.float32))
def test_numbers_survive_to_the_bit(numbers: np.ndarray) -> None:
    assert same(numbers)


@settings(max_examples=60, deadline=None)
@given(BITS)
@example(np.array([2**64 - 1] * 40 + [0] * 40, np.uint64))
@example(np.array([2**63 - 1] * 100, np.uint64))
@example(np.arange(256, dtype=np.uint8).repeat(20))
def test_bits_survive(numbers: np.ndarray) -> None:
    assert same(numbers)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.floats(0.01, 0.99))
def test_packed_indices_survive(seed: int, bits: int, zeros: float) -> None:
    random = np.random.default_rng(seed)
    indices = random.integers(0, 2**bits, 500) * (random.random(500) > zeros)
    per_word = 64 // bits
    padded = np.pad(indices, (0, -len(indices) % per_word)).astype(np.uint64).reshape(-1, per_word)
    words = np.bitwise_or.reduce(padded << (np.arange(per_word) * bits).astype(np.uint64), axis=1)
    assert same(words)


def entropy_bytes(symbols: np.ndarray) -> float:
    counts = np.unique(symbols, return_counts=True)[1]
    return float((counts * np.log2(counts.sum() / counts)).sum() / 8)


@pytest.mark.parametrize("bits", [1, 3, 4, 5, 8])
def test_packed_indices_are_coded_to_their_entropy(bits: int) -> None:
    """Also where an index does not end where a byte ends."""
    random, per_word = np.random.default_rng(0), 64 // bits
    indices = np.minimum(random.geometric(0.6, (5000, per_word)) - 1, 2**bits - 1).astype(np.uint64)
    words = np.bitwise_or.reduce(indices << (np.arange(per_word) * bits).astype(np.uint64), axis=1)
    coded = coding.encode_tensor(words.tobytes(), 8)
    assert len(coded) < 1.02 * entropy_bytes(indices) + 3 * 2**bits + 40


@pytest.mark.parametrize(
    ("numbers", "at_most"),
    [
        (np.zeros(10_000, np.float32), 30),
        (np.random.default_rng(0).choice(np.float32([0, 1.5, -2]), 10_000), 10_000 * np.log2(3) / 8 + 60),
        (np.random.default_rng(0).standard_normal(10_000).astype(np.float32), 40_000 * 0.9),  # the exponents
        (np.frombuffer(np.random.default_rng(0).bytes(40_000), np.uint32), 40_003),  # never much more than it was
    ],
)
def test_the_cheapest_way_is_taken(numbers: np.ndarray, at_most: float) -> None:
    assert len(coding.encode_tensor(numbers.tobytes(), numbers.itemsize)) <= at_most


@pytest.fixture(scope="module")
def content() -> bytes:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.Flatten(), torch.nn.Linear(8 * 36, 10))
    return export.export_onnx(model, (1, 8, 8))


def test_a_file_survives_to_the_byte(content: bytes) -> None:
    coded = coding.encode(content)
    assert coding.decode(coded) == content
    assert len(coded) < 0.92 * len(content)
    assert onnx.load_from_string(coding.decode(coded)).graph.node


@pytest.mark.parametrize("cut", [0, 3, 8, 40, -1])
def test_a_file_that_was_cut_off_is_refused(content: bytes, cut: int) -> None:
    with pytest.raises(coding.BrokenFile, match="coded model"):
        coding.decode(coding.encode(content)[:cut])


def test_a_file_that_was_changed_is_refused(content: bytes) -> None:
    coded = bytearray(coding.encode(content))
    coded[-5] ^= 1
    with pytest.raises(coding.BrokenFile, match="fetch it again"):
        coding.decode(bytes(coded))


def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(coding.BrokenFile, match="first bytes"):
        coding.decode(content)
