"""Models of scikit-learn among networks: fitted by themselves, deployed as the same kind of file, in the same runtime.

An estimator is fitted once and written as ONNX at once, so that nothing of it is ever pickled.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from greenai_core.candidate import Artifact, Candidate
from greenai_core.errors import BadInput
from greenai_core.export import OPSET, stripped
from greenai_core.runtime import INPUT, OUTPUT, Deployed
from greenai_core.training import Step, accuracy_of

if TYPE_CHECKING:
    from greenai_core.context import Data

LEAST_PROBABILITY = 1e-7
_ML_OPSET = 3


class Estimator(nn.Module):
    """An estimator that is not fitted yet; it has no parameters, and every class scores alike."""

    def __init__(self, estimator: Any, num_classes: int) -> None:
        super().__init__()
        self.estimator = estimator
        self.num_classes = num_classes

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K) of an estimator that has learnt nothing."""
        return torch.zeros(len(images), self.num_classes, device=images.device)


def fit(candidate: Candidate, data: Data, *, seed: int, report: Callable[[Step], None]) -> Candidate:
    """Fit a candidate's estimator to the training images and write it as the file that is deployed.

    Args:
        candidate: its model is an `Estimator`; left as it is.
        data: training images (N, C, H, W), flattened; validation images are only watched.
        seed: of whatever the estimator draws.
        report: told at the end; an estimator cannot be asked how far it is.

    Raises:
        BadInput: a class has no training image.
    """
    assert isinstance(candidate.model, Estimator)
    classes = candidate.model.num_classes
    images, labels = data.train.images.flatten(1).cpu().numpy(), data.train.labels.cpu().numpy()
    if missing := sorted(set(range(classes)) - set(labels.tolist())):
        raise BadInput(f"dataset: class {missing[0]} has no training image; an estimator needs some of each class.")
    estimator = copy.deepcopy(candidate.model.estimator)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could be iterated for longer: max_iter is a field that people set
        estimator.fit(images, labels)
    content = to_onnx(estimator, data.input_shape)
    accuracy = accuracy_of(Deployed(content), "fp32", data.val.images, data.val.labels)
    report(Step(1, 1, 1.0, 1 - float(estimator.score(images[:1000], labels[:1000])), 0.0, accuracy))
    return replace(candidate, artifact=Artifact("onnx", content))


def to_onnx(estimator: Any, input_shape: tuple[int, int, int]) -> bytes:
    """Return a fitted classifier as an ONNX file that takes images (N, C, H, W) and returns logits (N, K).

    Where the estimator gives probabilities, the logits are their logarithms, so that a softmax gives them back.
    """
    from skl2onnx import to_onnx as convert

    features, sure = int(np.prod(input_shape)), hasattr(estimator, "predict_proba")
    file = convert(
        estimator,
        np.zeros((1, features), np.float32),
        options={id(estimator): {"zipmap": False}} if sure else None,
        target_opset={"": OPSET, "ai.onnx.ml": _ML_OPSET},
    )
    graph = file.graph
    (given,), (_, scores) = graph.input, graph.output
    shape: list[str | int | None] = ["batch", *input_shape]
    flat = helper.make_node("Flatten", [INPUT], [given.name], axis=1)
    if sure:
        graph.initializer.append(numpy_helper.from_array(np.array(LEAST_PROBABILITY, np.float32), "least"))
        tail = [
            helper.make_node("Max", [scores.name, "least"], ["certain"]),
            helper.make_node("Log", ["certain"], [OUTPUT]),
        ]
    elif len(estimator.classes_) == 2:  # one score then stands for both
        tail = [
            helper.make_node("Neg", [scores.name], ["other"]),
            helper.make_node("Concat", ["other", scores.name], [OUTPUT], axis=1),
        ]
    else:
        tail = [helper.make_node("Identity", [scores.name], [OUTPUT])]
    nodes = [flat, *_needed(list(graph.node), scores.name), *tail]
    made = helper.make_graph(
        nodes,
        "estimator",
        [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["batch", len(estimator.classes_)])],
        [tensor for tensor in graph.initializer if any(tensor.name in node.input for node in nodes)],
    )
    model = helper.make_model(made, opset_imports=file.opset_import, ir_version=file.ir_version)
    return stripped(model.SerializeToString())


def _needed(nodes: list[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """Return the nodes that an output depends on, in their order; the one that names the class is not among them."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def linear_weights(content: bytes) -> tuple[list[float], list[float]] | None:
    """Return (coefficients, intercepts) that a file of a linear estimator holds; None for any other estimator."""
    for node in onnx.load_from_string(content).graph.node:
        if node.op_type == "LinearClassifier":
            held = {attribute.name: list(attribute.floats) for attribute in node.attribute}
            return held["coefficients"], held["intercepts"]
    return None
