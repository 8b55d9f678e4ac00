from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from greenai_core import coding, deploy
from greenai_core.errors import BadInput
from greenai_core.store import artifacts
from tests import factory

FACTS = {"normalisation": {"mean": [0.3], "std": [0.2]}, "input_shape": [1, 28, 28], "classes": ["no", "yes"]}


def identity_like_model(path: Path) -> None:
    """A network whose second score is the mean of the normalised image and whose first is zero."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean"], ["second"], axes=[1]),
        helper.make_node("Sub", ["second", "second"], ["first"]),
        helper.make_node("Concat", ["first", "second"], ["scores"], axis=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 28, 28])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "example", [image], [scores])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), path)


def test_the_lines_run_as_they_are(tmp_path: Path) -> None:
    record = factory.record(provenance=FACTS)
    identity_like_model(tmp_path / deploy.file_name(record))
    done = subprocess.run(
        [sys.executable, "-c", deploy.lines(record)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "['no']"  # a black image is below the mean once it is normalised


def test_the_lines_of_a_coded_file_decode_it_first(tmp_path: Path) -> None:
    record = factory.record(provenance={**FACTS, "format": "coded"})
    assert deploy.file_name(record).endswith(".coded")
    identity_like_model(tmp_path / "plain.onnx")
    coded = coding.encode((tmp_path / "plain.onnx").read_bytes())
    (tmp_path / deploy.file_name(record)).write_bytes(coded)
    done = subprocess.run(
        [sys.executable, "-c", deploy.lines(record)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(coding.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == "['no']"


def test_the_model_is_the_stored_file() -> None:
    artifacts.write("models/x.onnx", b"content")
    assert deploy.model(factory.record(provenance={"model_uri": "models/x.onnx"})) == b"content"
    assert deploy.model(factory.record(provenance={"model_uri": "models/gone.onnx"})) is None
    assert deploy.model(factory.record(provenance={"model_uri": None})) is None


def test_a_record_without_normalisation_is_refused() -> None:
    with pytest.raises(BadInput, match="normalised"):
        deploy.lines(factory.record())
