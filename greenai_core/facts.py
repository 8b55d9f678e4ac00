"""What can be said of a candidate; the order of a recipe is checked from these facts alone."""

from __future__ import annotations

from typing import Literal

Fact = Literal["trainable", "untrained", "trained", "float_weights", "dense", "unshared", "uncoded", "artifact"]

NETWORK: frozenset[Fact] = frozenset({"trainable", "untrained", "float_weights", "dense", "unshared", "uncoded"})
"""What holds of a network that was just built."""
ESTIMATOR: frozenset[Fact] = frozenset({"trainable", "untrained", "uncoded"})
"""What holds of an estimator of scikit-learn that was just built: it has no weights that a stage could change."""

_WORDS = {
    "float_weights": "a network in floating point",
    "unshared": "without shared weights",
    "uncoded": "not coded yet",
    "artifact": "a deployed file",
}


def words(fact: Fact) -> str:
    """Return a fact as it stands in "needs a model that is ..."."""
    return _WORDS.get(fact, fact)
