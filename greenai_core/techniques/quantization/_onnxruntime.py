"""The quantizers of ONNX Runtime, driven in memory and on one thread."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import QuantizationMode
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from greenai_core.runtime import INPUT, OUTPUT, session
from greenai_core.techniques.quantization._compact import compact, own_constants

WEIGHTS, ACTIVATIONS = QuantType.QInt8, QuantType.QUInt8
"""The types that AVX512-VNNI multiplies, unsigned by signed. Against them, measured on one thread: signed activations
take 4 to 7 times as long on MobileNet v2 and EfficientNet (no kernel for depthwise convolutions), unsigned weights
1.5 to 2.7 times. VNNI adds products up in 32 bits, so that weights of 7 bits (`reduce_range`) would lose accuracy for
nothing. A scale per output channel costs no time against one per tensor."""

EVERYTHING = sorted({*QLinearOpsRegistry, *QDQRegistry})
"""What lies between two products is quantized, too: with the products alone, every one of them would be preceded and
followed by a conversion (1.2 to 2.5 times the time)."""

Method = Literal["minmax", "entropy", "percentile"]

_METHODS: dict[Method, CalibrationMethod] = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


def static(content: bytes, batches: Sequence[npt.NDArray[np.float32]], *, method: Method, percentile: float) -> bytes:
    """Return an fp32 file as int8: weights by output channel, activations by ranges that they take on some images.

    Args:
        content: the ONNX file.
        batches: of images (N, C, H, W).
        method: how a range follows from the values of a tensor.
        percentile: of the values that lie within the range, for the method of that name.
    """
    file = onnx.load_from_string(content)
    own_constants(file)
    file = onnx.shape_inference.infer_shapes(file)
    ranges = _ranges(file, batches, method, percentile)
    quantizer = QDQQuantizer(file, True, False, WEIGHTS, ACTIVATIONS, ranges, [], [], EVERYTHING, {})
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return compact(_with_float_outputs(quantizer.model.model))


def dynamic(content: bytes, operators: Sequence[str]) -> bytes:
    """Return an fp32 file with int8 weights in the nodes of some kinds; activations are quantized while it runs.

    Args:
        content: the ONNX file.
        operators: kinds of nodes.
    """
    file = onnx.load_from_string(content)
    own_constants(file)
    quantizer = ONNXQuantizer(
        onnx.shape_inference.infer_shapes(file),
        True,
        False,
        QuantizationMode.IntegerOps,
        False,
        WEIGHTS,
        ACTIVATIONS,
        None,
        [],
        [],
        list(operators),
        {"MatMulConstBOnly": True},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return compact(quantizer.model.model)


class _Once(CalibrationDataReader):
    """One batch, the way calibration reads it."""

    def __init__(self, images: npt.NDArray[np.float32]) -> None:
        self._left: Iterator[dict[str, Any]] = iter([{INPUT: images}])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._left, None)


def _ranges(
    file: onnx.ModelProto, batches: Sequence[npt.NDArray[np.float32]], method: Method, percentile: float
) -> Any:
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):  # it prints what it does
        plain, augmented = Path(folder) / "plain.onnx", Path(folder) / "augmented.onnx"
        onnx.save(file, plain)
        calibrator = create_calibrator(
            plain,
            EVERYTHING,
            augmented_model_path=str(augmented),
            calibrate_method=_METHODS[method],
            extra_options={"symmetric": False, "percentile": percentile},
        )
        calibrator.infer_session = session(augmented.read_bytes())  # its own takes every thread, and they spin
        for images in batches:
            calibrator.collect_data(_Once(images))  # one at a time: it holds all activations of what it is given
        return calibrator.compute_data()


def _with_float_outputs(file: onnx.ModelProto) -> onnx.ModelProto:
    """Leave the logits as the last product gives them: 256 steps would make ties, and cost two nodes."""
    graph = file.graph
    maker = {name: node for node in graph.node for name in node.output}
    last = maker[OUTPUT]
    before = maker.get(last.input[0])
    if last.op_type == "DequantizeLinear" and before is not None and before.op_type == "QuantizeLinear":
        product = maker[before.input[0]]
        product.output[0] = OUTPUT
        graph.node.remove(last)
        graph.node.remove(before)
    return file
