"""Zero the smallest weights of the whole network."""

from __future__ import annotations

from typing import ClassVar

from greenai_core.techniques.unstructured_pruning._gradual import Gradual

__all__ = ["MagnitudePruning"]


class MagnitudePruning(Gradual):
    """Magnitude pruning: set the smallest weights of the network to zero and keep them there.

    floor(n * sparsity) of the n weights of convolutions, linear and recurrent layers become zero; later training keeps
    them so. From a sparsity of about 0.95 on, the cubic schedule loses less than one shot; a fine_tune stage afterwards
    makes up for most of the difference.

    Pays: only where the file is coded or zipped afterwards: entropy_coding leaves 0.17 of the bytes of mnist_cnn
        without 90 % of its weights, which keeps 93.0 of 93.4 % on validation after one epoch (the bank, one seed).
        The tensors keep their shape: the plain file and the time stay what they were, only a compressed file shrinks.
    Family: unstructured pruning
    Source: Han, Pool, Tran, Dally 2015, https://arxiv.org/abs/1506.02626; gradual: Zhu and Gupta 2017,
        https://arxiv.org/abs/1710.01878
    """

    later: ClassVar[frozenset[str]] = frozenset({"scope", "schedule", "steps", "epochs_per_step", "lr"})
