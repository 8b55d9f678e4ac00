"""Packed weights: ONNX Runtime restores them to the bit when it opens the file, and nothing of it runs later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from greenai_core import hashing, packing

SHAPE = (7, 5, 3)
SIZE = 105


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def file_of(weights: np.ndarray) -> onnx.ModelProto:
    """A file that adds weights, called "w", to its input."""
    nodes = [helper.make_node("Add", ["images", "w"], ["logits"])]
    shape = ["batch", *weights.shape]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "logits")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def restored(file: onnx.ModelProto, folder: Path) -> tuple[np.ndarray, list[str]]:
    """What the runtime makes of "w", and the operations that it carries out."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file.SerializeToString(), options, providers=["CPUExecutionProvider"])
    shape = tuple(session.get_inputs()[0].shape[1:])
    (weights,) = session.run(None, {"images": np.zeros((1, *shape), np.float32)})
    return weights[0], [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]


def some_codebook(bits: int) -> tuple[np.ndarray, np.ndarray]:
    random = generator()
    codebook = random.standard_normal(2**bits).astype(np.float32)
    return codebook, random.integers(0, 2**bits, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("bits", range(1, 9))
def test_a_codebook_is_restored_to_the_bit(bits: int, tmp_path: Path) -> None:
    codebook, indices = some_codebook(bits)
    file = file_of(codebook[indices])
    packing.as_codebook(file, "w", codebook, indices, bits, SHAPE)
    weights, operations = restored(file, tmp_path)
    assert np.array_equal(weights, codebook[indices])
    assert operations == ["Add"]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_integers_are_restored_to_the_bit(bits: int, tmp_path: Path) -> None:
    random, half = generator(), 2 ** (bits - 1)
    integers = random.integers(-half, half, SHAPE).astype(np.int8)
    scales = random.uniform(0.1, 1, (7, 1, 1)).astype(np.float32)
    file = file_of(integers * scales)
    packing.as_integers(file, "w", integers, scales, bits, SHAPE)
    weights, operations = restored(file, tmp_path)
    assert np.array_equal(weights, integers * scales)
    assert operations == ["Add"]


def test_float16_is_restored_to_the_bit(tmp_path: Path) -> None:
    weights = generator().standard_normal(SHAPE).astype(np.float16)
    file = file_of(weights.astype(np.float32))
    packing.as_float16(file, "w", weights.astype(np.float32))
    again, operations = restored(file, tmp_path)
    assert np.array_equal(again, weights.astype(np.float32))
    assert operations == ["Add"]


def test_the_runtime_computes_the_hash_that_torch_computes(tmp_path: Path) -> None:
    coefficients = hashing.coefficients(torch.Generator().manual_seed(0))
    values = generator().standard_normal(13).astype(np.float32)
    buckets = hashing.signed_buckets(SIZE, len(values), coefficients).numpy()
    weights = np.concatenate([values, -values])[buckets].reshape(SHAPE)
    file = file_of(weights)
    packing.as_hashed(file, "w", values, coefficients, SHAPE)
    again, operations = restored(file, tmp_path)
    assert np.array_equal(again, weights)
    assert operations == ["Add"]


def test_the_hash_spreads_evenly() -> None:
    size, buckets = 200_000, 1000
    hashed = hashing.signed_buckets(size, buckets, hashing.coefficients(torch.Generator().manual_seed(1)))
    counts = torch.bincount(hashed, minlength=2 * buckets).double()
    # A fair draw has this mean and, nearly, this variance; rows that are alike would show in either.
    assert 0.85 < float(counts.var() / counts.mean()) < 1.15
    together = (hashed[1:] % buckets == hashed[:-1] % buckets).double().mean()
    assert float(together) == pytest.approx(1 / buckets, rel=0.3)


def pack_codebook(file: onnx.ModelProto, weights: np.ndarray) -> None:
    codebook, indices = np.unique(weights, return_inverse=True)
    packing.as_codebook(file, "w", codebook, indices.astype(np.uint8), 4, weights.shape)


def pack_integers(file: onnx.ModelProto, weights: np.ndarray) -> None:
    packing.as_integers(file, "w", np.zeros(weights.shape, np.int8), np.ones((1, 1), np.float32), 8, weights.shape)


@pytest.mark.parametrize(
    ("pack", "ratio"),
    [
        (lambda file, weights: packing.as_float16(file, "w", weights), 0.501),
        (pack_integers, 0.252),
        (pack_codebook, 0.127),
    ],
)
def test_a_packed_file_is_smaller(pack: Callable[[onnx.ModelProto, np.ndarray], None], ratio: float) -> None:
    weights = generator().integers(0, 16, (400, 400)).astype(np.float32)
    file = file_of(weights)
    before = file.ByteSize()
    pack(file, weights)
    assert file.ByteSize() <= ratio * before


def test_the_exporters_stand_in_for_an_equal_tensor_is_found() -> None:
    file = file_of(np.zeros(3, np.float32))
    file.graph.node.append(helper.make_node("Identity", ["w"], ["twin"]))
    assert packing.stored_name(file, "twin") == packing.stored_name(file, "w") == "w"
    assert packing.stored_name(file, "elsewhere") is None


@pytest.mark.parametrize(("values", "bits"), [(1, 1), (2, 1), (3, 2), (16, 4), (17, 5), (256, 8)])
def test_bits_of_an_index(values: int, bits: int) -> None:
    assert packing.bits_for(values) == bits
