"""Deployed files at work: ONNX Runtime as every file is run here, and a file as a module that predicts."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from greenai_core import coding
from greenai_core.candidate import Artifact, Candidate

INPUT, OUTPUT = "images", "logits"
SUFFIXES = {"onnx": "onnx", "coded": "coded"}
"""What the name of a file ends with, by format."""


def session(content: bytes) -> Any:
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
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def onnx_of(artifact: Artifact) -> bytes:
    """Return the ONNX file that an artifact is, or holds in coded form."""
    return coding.decode(artifact.content) if artifact.format == "coded" else artifact.content


class Deployed(nn.Module):
    """A deployed file that predicts as a network does, on the processor: images (N, C, H, W) to logits (N, K)."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._session = session(content)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Run the file."""
        (logits,) = self._session.run([OUTPUT], {INPUT: images.detach().float().cpu().numpy()})
        return torch.from_numpy(logits).to(images.device)


def predictor(candidate: Candidate) -> nn.Module:
    """Return what predicts as the candidate does once it is deployed: its file if it has one, else its model."""
    return candidate.model if candidate.artifact is None else Deployed(onnx_of(candidate.artifact))
