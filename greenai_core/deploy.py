"""How a person uses the model of a run outside this project."""

from __future__ import annotations

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.store import artifacts

_LINES = """\
import numpy as np
import onnxruntime  # pip install onnxruntime

images = np.zeros((1, {channels}, {height}, {width}), dtype=np.uint8)  # your images, values from 0 to 255

mean = np.array({mean}, dtype=np.float32).reshape(1, -1, 1, 1)
deviation = np.array({deviation}, dtype=np.float32).reshape(1, -1, 1, 1)
session = onnxruntime.InferenceSession("{file}", providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
(scores,) = session.run(None, {{name: (images / np.float32(255) - mean) / deviation}})

classes = {classes}
print([classes[index] for index in scores.argmax(axis=1)])
"""


def file_name(record: Record) -> str:
    """Return the name under which a run's model is downloaded."""
    return f"{record.dataset}-{record.model}-{record.run_id}.onnx"


def model(record: Record) -> bytes | None:
    """Return the ONNX file of a run; None where it has none, or where the file is not stored here (the bank's are not).

    Raises:
        BadInput: the store of files cannot be read.
    """
    uri = record.provenance.get("model_uri")
    return artifacts.read(uri) if uri and artifacts.exists(uri) else None


def lines(record: Record) -> str:
    """Return Python lines that load the model with onnxruntime and name the classes of images.

    Raises:
        BadInput: the record does not say how its images were normalised.
    """
    facts = record.provenance
    if not {"normalisation", "input_shape", "classes"} <= facts.keys():
        raise BadInput(f"{record.run_id}: the record does not say how its images were normalised.")
    channels, height, width = facts["input_shape"]
    return _LINES.format(
        channels=channels,
        height=height,
        width=width,
        mean=list(facts["normalisation"]["mean"]),
        deviation=list(facts["normalisation"]["std"]),
        file=file_name(record),
        classes=list(facts["classes"]),
    )
