"""The file that would be deployed: ONNX, checked against the model it came from.

Every candidate is exported, so that all are timed in one runtime and sized as one format. Of torch's two exporters
the one that traces is used: it takes 0.03 s for a small network where the other takes 0.8 s (3 s the first time), folds
batch normalisation into the convolution before it, and writes nothing about where it ran. Being traced, a
network whose path depends on its input comes out wrong; `parity` is what tells.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import onnx
import torch
from torch import nn
from torch.onnx import TrainingMode

from greenai_core.candidate import Artifact, Candidate
from greenai_core.errors import RunFailed
from greenai_core.evaluation import evaluating, predict
from greenai_core.runtime import INPUT, OUTPUT, Deployed

OPSET = 18


class ExportFailed(RunFailed):
    """This model cannot be written as ONNX; it can still be timed in torch."""


@dataclass(frozen=True)
class Exported:
    """The deployed file, or why there is none; `difference` is the largest from the outputs of torch."""

    artifact: Artifact | None
    difference: float | None
    reason: str = ""


def deployed(candidate: Candidate, input_shape: tuple[int, int, int], images: torch.Tensor | None = None) -> Exported:
    """Return the file that would be deployed.

    Args:
        candidate: one that has become a file already is that file.
        input_shape: (C, H, W).
        images: (N, C, H, W); the outputs of file and torch model are compared on these. None: they are not.
    """
    if candidate.artifact is not None:
        return Exported(candidate.artifact, None)
    model = candidate.model.to("cpu")
    try:
        content = onnx_file(candidate, input_shape)
    except ExportFailed as error:
        return Exported(None, None, str(error))
    return Exported(Artifact("onnx", content), None if images is None else parity(model, content, images.cpu()))


def onnx_file(candidate: Candidate, input_shape: tuple[int, int, int]) -> bytes:
    """Return the ONNX file of a candidate that is still a torch model, with its weights written as constraints allow.

    Raises:
        ExportFailed: the exporter refuses the model.
    """
    packing = [constraint for constraint in candidate.constraints if constraint.packs]
    content = export_onnx(candidate.model.to("cpu"), input_shape, fold=not packing)
    if not packing:
        return content
    file = onnx.load_from_string(content)
    for constraint in packing:
        constraint.pack(file)
    return bytes(file.SerializeToString())


def export_onnx(model: nn.Module, input_shape: tuple[int, int, int], *, fold: bool = True) -> bytes:
    """Write a model as ONNX with a free batch size, stripped of everything that a runtime does not need.

    The model keeps its mode, its weights and its place; no random number is drawn.

    Args:
        model: takes (N, C, H, W) float32 and returns logits (N, K).
        input_shape: (C, H, W).
        fold: take batch normalisation into the convolution before it; else every parameter keeps its name and value,
            and the runtime does it when it opens the file.

    Returns:
        The file's content; its input is called "images", its output "logits".

    Raises:
        ExportFailed: the exporter refuses the model.
    """
    if not any(True for _ in model.parameters()):
        raise ExportFailed("the model cannot be exported to ONNX: it has no weights, or was not fitted yet")
    with evaluating(model):
        return stripped(_traced(model, input_shape, TrainingMode.EVAL if fold else TrainingMode.PRESERVE))


def parity(model: nn.Module, content: bytes, images: torch.Tensor) -> float:
    """Return the largest absolute difference between the logits of a model and of its file.

    Args:
        model: on the CPU.
        content: its file.
        images: (N, C, H, W) float32.
    """
    return float((predict(model, images) - predict(Deployed(content), images, batch_size=len(images))).abs().max())


def _traced(model: nn.Module, input_shape: tuple[int, int, int], mode: TrainingMode) -> bytes:
    some = next(model.parameters())
    images = torch.zeros(2, *input_shape, dtype=some.dtype, device=some.device)  # 2: a batch of 1 may be squeezed away
    content = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is deprecated, which the pinned torch makes harmless
            torch.onnx.export(
                model,
                (images,),
                content,  # type: ignore[arg-type]
                dynamo=False,
                opset_version=OPSET,
                training=mode,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
            )
    except Exception as error:
        raise ExportFailed(f"the model cannot be exported to ONNX: {_first_line(error)}") from error
    return content.getvalue()


def stripped(content: bytes) -> bytes:
    """Remove what a runtime does not read: notes, traces, inferred shapes, and the name of the machine's build."""
    file = onnx.load_from_string(content)
    for holder in (file, file.graph, *file.graph.node, *file.graph.input, *file.graph.output, *file.graph.initializer):
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    file.graph.ClearField("value_info")
    file.ClearField("producer_version")
    return bytes(file.SerializeToString())


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
