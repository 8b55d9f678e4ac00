"""Write convolutions as a thin convolution between two 1x1 ones."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from greenai_core.techniques.low_rank._factors import LowRank

if TYPE_CHECKING:
    from torch import nn

    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["TuckerFactorization"]


class TuckerFactorization(LowRank):
    """Tucker factorization: replace each convolution by a 1x1, a thin and another 1x1 convolution.

    The kernel tensor is decomposed along its input and output channels (Tucker-2): the first 1x1 convolution mixes the
    inputs into fewer channels, the convolution in the middle works on these, the last one makes the outputs from them.
    File and products shrink. Grouped, depthwise and 1x1 convolutions, and those that would not become smaller, stay.
    Train on afterwards. With the rank by energy the sizes depend on the trained weights, and a preview of them is
    rough.

    Pays: where convolutions take the time: mnist_cnn needs 0.56 of it and 0.54 of the joules, at 92.2 instead of 93.4 %
        on validation after one epoch of fine_tune (the bank, one seed). Not for the bytes where linear layers hold the
        weights (0.99 of them are left), nor in narrow networks: three small layers may take longer than one large one
        on a processor, so look at the latency.
    Family: low rank
    Source: Kim, Park, Yoo, Choi, Yang, Shin 2016, https://arxiv.org/abs/1511.06530; decomposed with TensorLy
    """

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Factor the convolutions."""
        from torch import nn

        return self.replace_layers(candidate, nn.Conv2d, self._factors)

    def _factors(self, layer: nn.Conv2d) -> nn.Module | None:
        import torch
        from tensorly.decomposition import partial_tucker
        from torch import nn

        weight = layer.weight.detach()
        outputs, inputs, *kernel = weight.shape
        if layer.groups != 1 or kernel == [1, 1]:
            return None
        rank_out = self.rank(weight.flatten(1))
        rank_in = self.rank(weight.transpose(0, 1).flatten(1))
        core_size = rank_out * rank_in * weight[0, 0].numel()
        if inputs * rank_in + core_size + rank_out * outputs >= weight.numel():
            return None
        (core, (out_factor, in_factor)), _ = partial_tucker(
            weight.cpu().double().numpy(), rank=[rank_out, rank_in], modes=[0, 1], init="svd"
        )
        mix = nn.Conv2d(inputs, rank_in, 1, bias=False)
        thin = nn.Conv2d(
            rank_in,
            rank_out,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            layer.dilation,  # type: ignore[arg-type]
            bias=False,
        )
        spread = nn.Conv2d(rank_out, outputs, 1, bias=layer.bias is not None)
        mix.weight = nn.Parameter(torch.from_numpy(in_factor.T.copy()).to(weight)[..., None, None])
        thin.weight = nn.Parameter(torch.from_numpy(core.copy()).to(weight))
        spread.weight = nn.Parameter(torch.from_numpy(out_factor.copy()).to(weight)[..., None, None])
        if layer.bias is not None:
            spread.bias = nn.Parameter(layer.bias.detach().clone())
        return nn.Sequential(OrderedDict(mix=mix, thin=thin, spread=spread))
