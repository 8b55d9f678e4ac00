"""How a person uses the model of a run outside this project."""

from __future__ import annotations

from greenai_core.errors import BadInput
from greenai_core.record import Record
from greenai_core.store import artifacts

_LINES = """\
import numpy as np
import onnxruntime  # pip install onnxruntime
{imports}
images = np.zeros((1, {channels}, {height}, {width}), dtype=np.uint8)  # your images, values from 0 to 255

mean = np.array({mean}, dtype=np.float32).reshape(1, -1, 1, 1)
deviation = np.array({deviation}, dtype=np.float32).reshape(1, -1, 1, 1)
session = onnxruntime.InferenceSession({content}, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
(scores,) = session.run(None, {{name: (images / np.float32(255) - mean) / deviation}})

classes = {classes}
print([classes[index] for index in scores.argmax(axis=1)])
"""
_DECODING = """\
from pathlib import Path

from greenai_core.coding import decode  # where this project is; pip install constriction onnx
"""


def file_name(record: Record) -> str:
    """Return the name under which a run's model is downloaded."""
    return f"{record.dataset}-{record.model}-{record.run_id}.{_format(record)}"


def model(record: Record) -> bytes | None:
    """Return the deployed file of a run; None where it has none, or where it is not stored here (the bank's are not).

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
    file, coded = file_name(record), _format(record) == "coded"
    return _LINES.format(
        imports=_DECODING if coded else "",
        content=f'decode(Path("{file}").read_bytes())' if coded else f'"{file}"',
        channels=channels,
        height=height,
        width=width,
        mean=list(facts["normalisation"]["mean"]),
        deviation=list(facts["normalisation"]["std"]),
        classes=list(facts["classes"]),
    )


def _format(record: Record) -> str:
    """Return the format of a run's file, which is what its name ends with."""
    return str(record.provenance.get("format") or "onnx")
