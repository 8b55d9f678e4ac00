from __future__ import annotations

import pytest

from greenai_core.analysis.explore import COSTS, SPLITS
from greenai_core.analysis.figures import FACTS, OBJECTIVES, figure

BETTER = {
    "accuracy_val": "more",
    "accuracy": "more",
    "f1_macro": "more",
    "throughput": "more",
    "params": "less",
    "nonzero_params": "less",
    "macs": "less",
    "size_bytes": "less",
    "latency_ms": "less",
    "energy_train_j": "less",
    "energy_per_sample_j": "less",
    "energy_per_sample_b1_j": "less",
    "carbon_train_g": "less",
    "cpu_s": "less",
    "lifetime_j": "less",
    "energy_spent_j": "less",
    "wall_s": "less",
}
"""Which way each figure is better, written out: whoever turns one round turns every front that it is on."""


def test_every_figure_is_better_the_way_that_is_written_here() -> None:
    known = OBJECTIVES | FACTS
    assert {name: "more" if known[name].maximize else "less" for name in known} == BETTER


def test_every_axis_has_a_direction() -> None:
    assert {*COSTS.values(), *SPLITS.values()} <= set(BETTER)


@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        ("size_bytes", ()),
        ("accuracy", ("quality_key",)),
        ("cpu_s", ("training_key",)),
        ("energy_train_j", ("training_key", "energy_train_kind")),
        ("carbon_train_g", ("training_key", "g_per_kwh", "energy_train_kind")),
        ("energy_per_sample_j", ("inference_key", "energy_inference_kind")),
        ("lifetime_j", ("lifetime_key", "lifetime_kind")),
    ],
)
def test_a_figure_names_what_must_be_equal(name: str, conditions: tuple[str, ...]) -> None:
    assert figure(name).conditions == conditions
