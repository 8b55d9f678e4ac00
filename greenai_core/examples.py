"""Runs to begin with: small, on embedded data, and telling."""

from __future__ import annotations

from itertools import count

from greenai_core.spec import Spec, check
from greenai_core.store import answers


def first_experiment(seed: int = 0) -> Spec:
    """Return the run that the README shows: train a network, remove 80 % of its channels, train what is left."""
    return check(
        {
            "dataset": {"name": "digits"},
            "model": {"name": "mnist_cnn"},
            "recipe": [
                {"name": "train", "epochs": 3},
                {"name": "l1_channel_pruning", "sparsity": 0.8},
                {"name": "fine_tune", "epochs": 2},
            ],
            "seed": seed,
        }
    )


def next_experiment() -> Spec:
    """Return the first experiment with the smallest seed that this store does not answer yet."""
    return next(spec for spec in map(first_experiment, count()) if answers.record(spec) is None)
