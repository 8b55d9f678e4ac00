"""Write int8 weights; activations are quantized while the file runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from greenai_core.errors import BadInput
from greenai_core.facts import Fact
from greenai_core.techniques._base import Deploys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["DynamicQuantization"]

LINEAR = ("Gemm", "MatMul", "LSTM")
KINDS: dict[str, Sequence[str]] = {"linear": LINEAR, "all": (*LINEAR, "Conv")}


class DynamicQuantization(Deploys):
    """Dynamic int8 quantization: int8 weights in linear layers and LSTMs, activations rounded while the file runs.

    Neither training nor calibration is needed: each input of a product gets the range that it has at that moment.

    Pays: in networks of linear layers and in lstm: the files of mlp_student and lstm shrink to 0.26 and 0.28 of the
        bytes (`python -m greenai_core preview`), and at batch 1 an lstm takes 0.6 times as long, mlp_student about as
        long as before (side by side in ONNX Runtime, one thread). In a convolutional network the convolutions stay as
        they are unless asked for, and then become slower (mnist_cnn more than three times): static_quantization is the
        right one there.
    Family: quantization
    Source: Krishnamoorthi 2018, https://arxiv.org/abs/1806.08342; written by ONNX Runtime,
        https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """

    needs: ClassVar[frozenset[Fact]] = Deploys.needs | {"unshared"}

    layers: Literal["linear", "all"] = Field(
        "linear",
        title="Layers",
        description="linear layers and LSTMs, or convolutions as well, which shrinks the file and slows it down",
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Write the file."""
        from dataclasses import replace

        from greenai_core.candidate import Artifact
        from greenai_core.export import export_onnx
        from greenai_core.techniques.quantization._onnxruntime import dynamic

        self._check(candidate.model)
        content = dynamic(export_onnx(candidate.model, ctx.data.input_shape), KINDS[self.layers])
        return replace(candidate, artifact=Artifact("onnx", content))

    def predict_bytes(self, candidate: Candidate, input_shape: tuple[int, int, int]) -> int | None:
        """Predict the file."""
        from greenai_core.techniques.quantization._predict import dynamic_bytes

        self._check(candidate.model)
        return dynamic_bytes(candidate.model, input_shape, convolutions=self.layers == "all")

    def _check(self, model: nn.Module) -> None:
        """Refuse a network in which nothing would be quantized.

        Raises:
            BadInput: it has neither linear layers nor LSTMs, or recurrent layers of another kind.
        """
        from torch import nn

        if self.layers == "linear" and not any(isinstance(layer, nn.Linear | nn.LSTM) for layer in model.modules()):
            raise BadInput(
                f"recipe: {self.name} needs a network with linear layers or LSTMs; choose static_quantization, "
                'or "all" as its layers.'
            )
        if any(isinstance(layer, nn.RNNBase) and not isinstance(layer, nn.LSTM) for layer in model.modules()):
            raise BadInput(
                f"recipe: {self.name} needs a network whose recurrent layers are LSTMs, as ONNX Runtime computes no "
                "others in int8; choose weight_only_int8, or the model lstm."
            )
