"""The file that would be deployed: ONNX, checked against the model it came from.

Every candidate is exported, so that all are timed in one runtime and sized as one format. Of torch's two exporters
the one that traces is used: it takes 0.03 s for a small network where the other takes 0.8 s (3 s the first time), folds
batch normalisation into the convolution before it, and writes nothing about where it ran. Being traced, a
network whose path depends on its input comes out wrong; `parity` is what tells.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from greenai_core.errors import RunFailed
from greenai_core.evaluation import evaluating, predict

OPSET = 18
INPUT, OUTPUT = "images", "logits"


class ExportFailed(RunFailed):
    """This model cannot be written as ONNX; it can still be timed in torch."""


@dataclass(frozen=True)
class Exported:
    """The deployed file, or why there is none; `difference` is the largest from the outputs of torch."""

    content: bytes | None
    difference: float | None
    reason: str = ""


def export_model(model: nn.Module, input_shape: tuple[int, int, int], images: torch.Tensor | None = None) -> Exported:
    """Write the file that would be deployed, and compare its outputs on `images` (N, C, H, W) with torch's."""
    model = model.to("cpu")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            export_onnx(model, input_shape, path)
        except ExportFailed as error:
            return Exported(None, None, str(error))
        return Exported(path.read_bytes(), None if images is None else parity(model, path, images.cpu()))


def export_onnx(model: nn.Module, input_shape: tuple[int, int, int], path: Path) -> None:
    """Write a model as ONNX with a free batch size, stripped of everything that a runtime does not need.

    The model keeps its mode, its weights and its place; no random number is drawn. The file appears complete or not at
    all.

    Args:
        model: takes (N, C, H, W) float32 and returns logits (N, K).
        input_shape: (C, H, W).
        path: the file; its folder must exist. Its input is called "images", its output "logits".

    Raises:
        ExportFailed: the exporter refuses the model.
        OSError: the file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with evaluating(model):
            _trace(model, input_shape, draft)
        _strip(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def parity(model: nn.Module, path: Path, images: torch.Tensor) -> float:
    """Return the largest absolute difference between the logits of a model and of its file.

    Args:
        model: on the CPU.
        path: a file that `export_onnx` wrote.
        images: (N, C, H, W) float32.
    """
    (exported,) = session(path).run([OUTPUT], {INPUT: images.numpy()})
    return float((predict(model, images) - torch.from_numpy(exported)).abs().max())


def session(path: Path) -> Any:
    """Open an ONNX file in ONNX Runtime on one thread that never spins.

    A thread that spins while it waits is counted as working: it doubles the CPU time of a small network at batch 1.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _trace(model: nn.Module, input_shape: tuple[int, int, int], path: Path) -> None:
    some = next(model.parameters())
    images = torch.zeros(2, *input_shape, dtype=some.dtype, device=some.device)  # 2: a batch of 1 may be squeezed away
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is deprecated, which the pinned torch makes harmless
            torch.onnx.export(
                model,
                (images,),
                path,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            )
    except OSError:
        raise
    except Exception as error:
        raise ExportFailed(f"the model cannot be exported to ONNX: {_first_line(error)}") from error


def _strip(path: Path) -> None:
    """Remove what a runtime does not read: notes, traces, inferred shapes, and the name of the machine's build."""
    import onnx

    file = onnx.load(path)
    for holder in (file, file.graph, *file.graph.node, *file.graph.input, *file.graph.output, *file.graph.initializer):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    file.graph.ClearField("value_info")
    file.ClearField("producer_version")
    onnx.save(file, path)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
