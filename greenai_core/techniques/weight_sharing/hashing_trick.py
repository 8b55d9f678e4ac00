"""Train a network whose weights are drawn by a hash from few values."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from greenai_core.facts import Fact
from greenai_core.techniques._base import Trains

if TYPE_CHECKING:
    from greenai_core.candidate import Candidate
    from greenai_core.context import Context

__all__ = ["HashingTrick"]


class HashingTrick(Trains):
    """Hashing trick: train a network whose layers hold few real values, spread over all weights by a hash function.

    Takes the place of train: each weight is one of its layer's values, or its negative, chosen by a hash of the
    weight's position. The file holds the values and the hash's coefficients; the runtime computes the hash when it
    opens the file, which takes about half a second per million weights. The file and the stored parameters shrink.
    Small layers, of which nothing would be saved, are hashed too. Pruning afterwards undoes it: weights that are
    removed one by one follow no hash.

    Pays: where wide layers have to fit a small store: in the paper hashed networks err less than narrow ones of as many
        values, but the products, the time and the memory at work do not shrink. Not where a dense network can be
        trained first: mnist_cnn has 90.3 % on validation after three epochs of this, kmeans_codebook 93.3 % in as many
        bytes (the bank, one seed).
    Family: weight sharing
    Source: Chen, Wilson, Tyree, Weinberger, Chen 2015, https://arxiv.org/abs/1504.04788
    """

    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[Fact]] = frozenset({"trainable", "untrained", "float_weights", "dense"})
    gives: ClassVar[frozenset[Fact]] = frozenset({"trained"})
    takes: ClassVar[frozenset[Fact]] = frozenset({"untrained", "dense", "unshared"})

    compression: float = Field(
        0.125,
        gt=0,
        le=1,
        title="Compression",
        description="real values of each convolution, linear and recurrent layer, as a fraction of its weights",
    )

    def apply(self, candidate: Candidate, ctx: Context) -> Candidate:
        """Draw a hash per layer, let the weights follow it, and train the values."""
        import torch

        from greenai_core.constraints import Hashed
        from greenai_core.hashing import coefficients
        from greenai_core.techniques.unstructured_pruning._masking import weights_of

        model = copy.deepcopy(candidate.model)
        by_name = {}
        for name, weight in weights_of(model).items():
            values = math.ceil(weight.numel() * self.compression)
            by_name[name] = torch.tensor([*coefficients(ctx.rng), values], device=weight.device)
        hashed = Hashed(by_name)
        hashed.project(model)
        return ctx.fit(
            replace(candidate, model=model, constraints=(*candidate.constraints, hashed)), **self.fit_options()
        )
