"""Models whose weights are entropy coded: a file that is unpacked before a runtime opens it.

The tensors of an ONNX file are taken out and coded one by one, without loss; what is left is the file's skeleton. Each
tensor is coded in the cheapest of several ways: as it is; as symbols that are its distinct values; as several streams
of symbols that are its first bytes, its second bytes and so on; or as one stream of its numbers' parts of b bits, which
finds packed indices again. Symbols are coded with asymmetric numeral systems by how often each occurs.

Source: Duda 2013, https://arxiv.org/abs/1311.2540; coder: Bamler 2022, https://arxiv.org/abs/2201.01741
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from math import inf
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = b"GAIC\x01"
MOST_SYMBOLS = 1 << 16
CHECK = "<I"
BROKEN = "this coded model was cut off or changed; fetch it again."
HEAD = "<QBI"
"""Of a stream: how many symbols, the bytes of one, and how many distinct ones."""
COUNTS = np.uint16
"""Counts of symbols are stored with so many bits; where one is larger, all are scaled down."""

Symbols = NDArray[np.unsignedinteger[Any]]


class BrokenFile(ValueError):
    """This is no coded model, or not all of it."""


def encode(content: bytes) -> bytes:
    """Code the tensors of an ONNX file.

    Args:
        content: the file.

    Returns:
        A file from which `decode` makes the very bytes of `content`, if protobuf wrote them.
    """
    import onnx

    file = onnx.load_from_string(content)
    coded, check = [], 0
    for tensor in file.graph.initializer:
        if tensor.HasField("raw_data"):
            item = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
            coded.append(_sized(encode_tensor(tensor.raw_data, item)))
            check = zlib.crc32(tensor.raw_data, check)
            tensor.raw_data = b""
    skeleton = file.SerializeToString()
    check = zlib.crc32(skeleton, check)
    return b"".join([MAGIC, struct.pack(CHECK, check), _sized(zlib.compress(skeleton, 9)), *coded])


def decode(coded: bytes) -> bytes:
    """Return the ONNX file that `encode` coded.

    Raises:
        BrokenFile: it is no such file, or was cut off or changed.
    """
    import onnx

    if coded[: len(MAGIC)] != MAGIC:
        raise BrokenFile("this is no coded model: its first bytes are others.")
    start = len(MAGIC) + struct.calcsize(CHECK)
    try:
        (told,) = struct.unpack_from(CHECK, coded, len(MAGIC))
        parts, check = _parts(coded[start:]), 0
        skeleton = zlib.decompress(next(parts))
        file = onnx.load_from_string(skeleton)
        for tensor in file.graph.initializer:
            if tensor.HasField("raw_data"):
                tensor.raw_data = decode_tensor(next(parts))
                check = zlib.crc32(tensor.raw_data, check)
    except Exception as error:  # whatever a library makes of bytes that were changed
        raise BrokenFile(BROKEN) from error
    if told != zlib.crc32(skeleton, check):
        raise BrokenFile(BROKEN)
    return bytes(file.SerializeToString())


def encode_tensor(raw: bytes, item: int) -> bytes:
    """Code a tensor's bytes in the cheapest way.

    Args:
        raw: numbers of one length, little-endian.
        item: that length in bytes: 1, 2, 4 or 8.
    """
    if len(raw) % item:
        return bytes([RAW, item, 0]) + raw
    numbers = np.frombuffer(raw, f"<u{item}")
    ways = ((sum(map(_estimate, way[2])), way) for way in _ways(numbers))
    price, cheapest = min(ways, default=(inf, None), key=itemgetter(0))
    if cheapest is not None and price < len(raw):
        way, bits, found = cheapest
        coded = bytes([way, item, bits]) + b"".join(_sized(_encode_symbols(symbols)) for symbols in found)
        if len(coded) < len(raw):
            return coded
    return bytes([RAW, item, 0]) + raw


def decode_tensor(coded: bytes) -> bytes:
    """Return the bytes that `encode_tensor` coded."""
    way, item, bits = coded[:3]
    if way == RAW:
        return coded[3:]
    streams = [_decode_symbols(part) for part in _parts(coded[3:])]
    if way == PLANES:
        return np.stack(streams, axis=1).astype(np.uint8).tobytes()
    if way == VALUES:
        return streams[0].astype(f"<u{item}").tobytes()
    per_number = 8 * item // bits
    fields = streams[0].reshape(-1, per_number)
    numbers = np.zeros(len(fields), np.uint64)
    for place in range(per_number):
        numbers |= fields[:, place].astype(np.uint64) << np.uint64(place * bits)
    return numbers.astype(f"<u{item}").tobytes()


RAW, VALUES, PLANES, FIELDS = range(4)


def _ways(numbers: Symbols) -> Iterator[tuple[int, int, list[Symbols]]]:
    """Yield the ways that suit such numbers: name, bits of a part, and streams of symbols."""
    if not len(numbers):
        return
    yield VALUES, 0, [numbers]
    if numbers.itemsize in (2, 4):
        yield PLANES, 0, list(numbers.view(np.uint8).reshape(len(numbers), -1).T)
        return
    length = 8 * numbers.itemsize
    most = int(numbers.max())
    for bits in range(1, 9):
        if most >> (length - length % bits) == 0:  # nothing lies beyond the last whole part
            yield FIELDS, bits, [_fields(numbers, bits)]


def _fields(numbers: Symbols, bits: int) -> Symbols:
    """Cut numbers into their parts of so many bits, the lowest first."""
    parts = np.empty((len(numbers), 8 * numbers.itemsize // bits), np.uint8)
    for place in range(parts.shape[1]):
        parts[:, place] = (numbers >> numbers.dtype.type(place * bits)) & numbers.dtype.type(2**bits - 1)
    return parts.ravel()


def _occurrences(symbols: Symbols) -> tuple[Symbols, NDArray[np.int64]]:
    """Return the distinct symbols and how often each occurs."""
    if symbols.itemsize == 1:
        counts = np.bincount(symbols, minlength=256)
        present = counts.nonzero()[0]
        return present.astype(np.uint8), counts[present]
    distinct, counts = np.unique(symbols, return_counts=True)
    return distinct, counts


def _estimate(symbols: Symbols) -> float:
    """Return about how many bytes a stream of symbols takes."""
    return min(float(symbols.nbytes), _coded_bytes(symbols, *_occurrences(symbols)))


def _coded_bytes(symbols: Symbols, distinct: Symbols, counts: NDArray[np.int64]) -> float:
    """Return about how many bytes coded symbols take; infinite where there are too many different ones."""
    if len(distinct) > MOST_SYMBOLS:
        return inf
    entropy = float((counts * np.log2(len(symbols) / counts)).sum())
    return entropy / 8 + len(distinct) * (symbols.itemsize + COUNTS().itemsize)


def _encode_symbols(symbols: Symbols) -> bytes:
    """Code symbols: their number, the length of one, the distinct ones, how often each occurs, and the stream.

    Where that is longer than the symbols, these follow as they are, and no distinct ones are told.
    """
    import constriction

    distinct, counts = _occurrences(symbols)
    if _coded_bytes(symbols, distinct, counts) >= symbols.nbytes:
        return struct.pack(HEAD, len(symbols), symbols.itemsize, 0) + symbols.tobytes()
    head = struct.pack(HEAD, len(symbols), symbols.itemsize, len(distinct)) + distinct.tobytes()
    if len(distinct) == 1:
        return head
    scale = min(1.0, np.iinfo(COUNTS).max / counts.max())
    scaled = np.maximum(1, np.floor(counts * scale)).astype(COUNTS)
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(np.searchsorted(distinct, symbols).astype(np.int32), _model(scaled))
    return head + scaled.tobytes() + coder.get_compressed().astype("<u4").tobytes()


def _decode_symbols(coded: bytes) -> Symbols:
    import constriction

    number, item, kinds = struct.unpack_from(HEAD, coded)
    start = struct.calcsize(HEAD)
    distinct = np.frombuffer(coded, f"<u{item}", kinds or number, start)
    start += distinct.nbytes
    if kinds == 0:
        return distinct
    if kinds == 1:
        return np.repeat(distinct, number)
    scaled = np.frombuffer(coded, COUNTS, kinds, start)
    words = np.frombuffer(coded, "<u4", offset=start + scaled.nbytes).astype(np.uint32)
    places = constriction.stream.stack.AnsCoder(words).decode(_model(scaled), number)
    return distinct[places]


def _model(counts: NDArray[np.uint16]) -> object:
    """Return the coder's model of symbols that occur so often; on every machine the same."""
    import constriction

    return constriction.stream.model.Categorical(counts / counts.sum(dtype=np.int64), perfect=False)


def _sized(part: bytes) -> bytes:
    return struct.pack("<Q", len(part)) + part


def _parts(content: bytes) -> Iterator[bytes]:
    """Yield the parts that `_sized` wrote one after the other."""
    start = 0
    while start < len(content):
        (length,) = struct.unpack_from("<Q", content, start)
        start += 8
        if start + length > len(content):
            raise BrokenFile("a part ends before its time.")
        yield content[start : start + length]
        start += length
