"""Figures that docstrings take from the bank are in it: whoever measures it anew learns which to correct."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from statistics import mean
from typing import Any

import pytest
import torch

from greenai_core import export, registry
from greenai_core.candidate import Candidate
from greenai_core.record import Record
from greenai_core.settings import ROOT
from greenai_core.store import records
from greenai_core.store.derived import network
from greenai_core.untrained import applied

Runs = list[Record]
Value = Callable[[Runs], float]

CNN, RESNET, WIDE = ("fashion_mnist", "mnist_cnn"), ("digits", "resnet20"), ("digits", "resnet18")
STUDENT, PLAIN = ("fashion_mnist", "mlp_student"), ("fashion_mnist", "plain_cnn (channels 32)")
CUT = "train > l1_channel_pruning > "
DENSE = "train"
SHAPE = (1, 28, 28)


def of(
    runs: Runs,
    recipe: str,
    on: tuple[str, str],
    *,
    seeds: int = 1,
    sparsity: float | None = None,
    last: Mapping[str, object] | None = None,
) -> Runs:
    """The runs of the only point with this recipe, so many seeds, this largest sparsity and such a last stage."""
    found: dict[str, Runs] = {}
    for run in runs:
        here = (run.dataset, network(registry.parse("models", run.spec["model"]).model_dump_json()))
        largest = max((stage.get("sparsity", 0.0) for stage in run.recipe), default=0.0)
        same = here == on and " > ".join(stage["name"] for stage in run.recipe) == recipe
        if same and sparsity in (None, largest) and (last or {}).items() <= run.recipe[-1].items():
            found.setdefault(str(run.recipe), []).append(run)
    fitting = [each for each in found.values() if len(each) == seeds]
    assert len(fitting) == 1, f"the bank has {len(fitting)} points of {on[1]} on {on[0]}, {recipe}, with {seeds} seeds"
    return fitting[0]


def percent(recipe: str, on: tuple[str, str] = CNN, **which: Any) -> Value:
    """Validation accuracy of the runs that `of` finds."""
    return lambda runs: 100 * mean(run.accuracy_val or 0.0 for run in of(runs, recipe, on, **which))


def share(
    column: str, recipe: str, on: tuple[str, str] = CNN, *, seeds: int = 1, sparsity: float | None = None
) -> Value:
    """A figure as a fraction of the dense network's on as many seeds, which was measured on the same machine."""

    def value(runs: Runs) -> float:
        own, than = of(runs, recipe, on, seeds=seeds, sparsity=sparsity), of(runs, DENSE, on, seeds=seeds)
        if column != BYTES:
            assert {run.comparability_key for run in own} == {run.comparability_key for run in than}
        return mean(getattr(run, column) for run in own) / mean(getattr(run, column) for run in than)

    return value


def stage_j(recipe: str, sparsity: float | None = None) -> Value:
    """Joules of the last stage of a recipe on mnist_cnn."""
    return lambda runs: of(runs, recipe, CNN, sparsity=sparsity)[0].stages[-1].energy_j or 0.0


def train_j(recipe: str, on: tuple[str, str] = CNN, *, seeds: int = 1) -> Value:
    """Joules of making a network."""
    return lambda runs: mean(run.energy_train_j or 0.0 for run in of(runs, recipe, on, seeds=seeds))


def ratio(one: Value, other: Value) -> Value:
    """One value as a multiple of another."""
    return lambda runs: one(runs) / other(runs)


def untrained_coded(_: Runs) -> float:
    """Bytes of an untrained mnist_cnn after entropy_coding, as a fraction of its plain file."""
    torch.manual_seed(0)
    network: Any = registry.parse("models", {"name": "mnist_cnn"})
    technique: Any = registry.parse("techniques", {"name": "entropy_coding"})
    plain = Candidate(network(SHAPE, 10).eval())
    small, whole = (export.deployed(each, SHAPE).artifact for each in (applied(technique, plain, SHAPE, 10), plain))
    assert small is not None and whole is not None
    return len(small.content) / len(whole.content)


BYTES, TIME, JOULES = "size_bytes", "latency_ms", "energy_per_sample_j"
MASKED = "train > magnitude_pruning > fine_tune"
CLAIMS: dict[str, list[tuple[str, Value]]] = {
    "attention_distillation": [
        ("92.7 % on validation", percent(f"{CUT}attention_distillation")),
        ("92.1 % with fine_tune", percent(f"{CUT}fine_tune")),
        ("92.3 % with distill", percent(f"{CUT}distill", sparsity=0.8)),
        ("3.4 times the joules", ratio(stage_j(f"{CUT}attention_distillation"), stage_j(f"{CUT}fine_tune"))),
    ],
    "decoupled_distillation": [("92.2 % on validation", percent(f"{CUT}decoupled_distillation"))],
    "distill": [
        (
            "0.5 points on validation",
            lambda runs: percent("distill", STUDENT, seeds=5)(runs) - percent(DENSE, STUDENT, seeds=5)(runs),
        ),
        ("19 times the joules", ratio(train_j("distill", STUDENT, seeds=5), train_j(DENSE, STUDENT, seeds=5))),
        ("92.3 %, those", percent(f"{CUT}distill", sparsity=0.8)),
        ("92.1 %", percent(f"{CUT}fine_tune")),
    ],
    "multi_teacher_distillation": [("91.9 % on validation", percent(f"{CUT}multi_teacher_distillation"))],
    "relational_distillation": [("92.7 % on validation", percent(f"{CUT}relational_distillation"))],
    "self_distillation": [
        ("92.1 % on validation", percent(f"{CUT}fine_tune")),
        ("91.8 % after", percent(f"{CUT}fine_tune > self_distillation")),
    ],
    "uncertainty_distillation": [("92.3 % on validation", percent(f"{CUT}uncertainty_distillation"))],
    "train": [
        ("93.5 % on validation", percent("train > static_quantization", PLAIN, seeds=3)),
        ("91.6 %", percent(f"{CUT}distill", seeds=5, sparsity=0.95)),
    ],
    "fine_tune": [("93.3 of", percent("train > kmeans_codebook"))],
    "transfer": [("90.4 % on", percent("transfer > fine_tune")), ("93.4 % after nine", percent(DENSE))],
    "svd_factorization": [
        ("0.27 of the bytes", share(BYTES, "train > svd_factorization > fine_tune")),
        ("92.2 instead", percent("train > svd_factorization > fine_tune")),
        ("93.4 % in", percent("train > static_quantization")),
    ],
    "tucker_factorization": [
        ("0.56 of it", share(TIME, "train > tucker_factorization > fine_tune")),
        ("0.54 of the joules", share(JOULES, "train > tucker_factorization > fine_tune")),
        ("92.2 instead", percent("train > tucker_factorization > fine_tune")),
        ("0.99 of them", share(BYTES, "train > tucker_factorization > fine_tune")),
    ],
    "half_precision": [("93.4 % on validation", percent("train > half_precision"))],
    "quantization_aware_training": [
        ("93.2 and", percent("train > quantization_aware_training")),
        (
            "2.7 times the joules",
            ratio(
                stage_j("train > quantization_aware_training"),
                lambda runs: min(run.stages[0].energy_j or 0.0 for run in of(runs, MASKED, CNN)) / 9,
            ),
        ),
    ],
    "static_quantization": [
        ("0.45 of the time", share(TIME, "train > static_quantization")),
        ("0.23 and", share(TIME, "train > static_quantization", WIDE)),
        ("0.28,", share(JOULES, "train > static_quantization", WIDE)),
    ],
    "weight_only_int8": [
        ("0.26 of the bytes", share(BYTES, "train > weight_only_int8")),
        ("0.79 of the time", share(TIME, "train > weight_only_int8")),
    ],
    "weight_only_int4": [
        ("93.2 of", percent("train > weight_only_int4")),
        ("0.13 of the bytes", share(BYTES, "train > weight_only_int4")),
        ("0.73 of the time", share(TIME, "train > weight_only_int4")),
    ],
    "l0_regularisation": [
        ("91.6 % on validation", percent("l0_regularisation")),
        ("93.0 %, for", percent(MASKED)),
    ],
    "l1_regularisation": [("92.5 % on validation", percent("l1_regularisation")), ("93.0 %", percent(MASKED))],
    "lottery_ticket": [
        ("92.6 % on validation", percent("lottery_ticket", last={"ticket": "winning"})),
        ("92.1 %", percent("lottery_ticket", last={"ticket": "random"})),
        ("706 J", lambda runs: of(runs, "lottery_ticket", CNN, last={"ticket": "winning"})[0].energy_train_j or 0.0),
        ("417 J", train_j("l1_regularisation")),
    ],
    "magnitude_pruning": [
        ("93.0 of", percent(MASKED)),
        ("0.17 of the bytes", share(BYTES, f"{MASKED} > entropy_coding")),
    ],
    "kernel_pruning": [("92.6 % on validation", percent("train > kernel_pruning > fine_tune"))],
    "vector_pruning": [("93.0 % on validation", percent("train > vector_pruning > fine_tune"))],
    "random_pruning": [("92.2 % on validation", percent("train > random_pruning > fine_tune"))],
    "two_four_pruning": [("93.2 instead", percent("train > two_four_pruning > fine_tune"))],
    "kmeans_codebook": [
        ("93.3 of", percent("train > kmeans_codebook")),
        ("0.13 of the bytes", share(BYTES, "train > kmeans_codebook")),
    ],
    "entropy_coding": [
        (
            "0.83 of the bytes",
            ratio(share(BYTES, "train > kmeans_codebook > entropy_coding"), share(BYTES, "train > kmeans_codebook")),
        ),
        ("0.17 of the network", share(BYTES, f"{MASKED} > entropy_coding")),
        ("0.027 at", share(BYTES, f"{MASKED} > kmeans_codebook > entropy_coding")),
        ("93.0 of", percent(f"{MASKED} > kmeans_codebook > entropy_coding")),
        ("0.79 of untrained", untrained_coded),
    ],
    "hashing_trick": [
        ("90.3 % on validation", percent("hashing_trick")),
        ("93.3 % in", percent("train > kmeans_codebook")),
    ],
    "l1_channel_pruning": [
        ("0.20 of the bytes", share(BYTES, f"{CUT}distill", seeds=5, sparsity=0.8)),
        ("0.15 of the time", share(TIME, f"{CUT}distill", seeds=5, sparsity=0.8)),
        ("0.09 of the joules", share(JOULES, f"{CUT}distill", seeds=5, sparsity=0.8)),
        ("93.3 instead", percent(f"{CUT}distill", seeds=5, sparsity=0.8)),
        ("93.9 % on validation", percent(DENSE, seeds=5)),
        ("91.6 %", percent(f"{CUT}distill", seeds=5, sparsity=0.95)),
    ],
    "l2_channel_pruning": [
        ("0.46 of the time", share(TIME, "train > l2_channel_pruning > fine_tune", RESNET)),
        ("98.6 instead", percent("train > l2_channel_pruning > fine_tune", RESNET)),
        ("92.1 % with either", percent("train > l2_channel_pruning > fine_tune")),
    ],
    "taylor_channel_pruning": [
        ("92.8 % on validation", percent("train > taylor_channel_pruning > fine_tune")),
        ("97.2 % against", percent("train > taylor_channel_pruning > fine_tune", RESNET)),
    ],
    "random_channel_pruning": [("92.2 % on validation", percent("train > random_channel_pruning > fine_tune"))],
    "bn_scale_channel_pruning": [
        ("97.8 % on validation", percent("train > bn_scale_channel_pruning > fine_tune", RESNET)),
        ("97.2 % with channels", percent("train > random_channel_pruning > fine_tune", RESNET)),
    ],
    "network_slimming": [
        ("96.4 % on validation", percent("network_slimming > fine_tune", RESNET)),
        ("0.30 of the bytes", share(BYTES, "network_slimming > fine_tune", RESNET)),
        ("0.67 of the time", share(TIME, "network_slimming > fine_tune", RESNET)),
    ],
    "layer_pruning": [
        ("0.66 of the bytes", share(BYTES, "train > layer_pruning > fine_tune", RESNET)),
        ("0.81 of the time", share(TIME, "train > layer_pruning > fine_tune", RESNET)),
        ("98.6 instead", percent("train > layer_pruning > fine_tune", RESNET)),
    ],
}


@pytest.fixture(scope="module")
def shipped() -> Iterator[Runs]:
    """The records of the bank that the repository ships."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("GREENAI_BANK", str(ROOT / "results" / "bank"))
        found = list(records.every("bank"))
    yield found


@pytest.mark.parametrize("technique", CLAIMS)
def test_what_a_docstring_takes_from_the_bank_is_there(shipped: Runs, technique: str) -> None:
    """Accuracies to the last place that is said, timings and joules to a tenth: those differ from day to day."""
    pays = registry.entry("techniques", technique).describe()["pays"]
    for phrase, value in CLAIMS[technique]:
        assert phrase in pays
        number = re.split(r"[ ,]", phrase)[0]
        said, rounding = float(number), 0.5 * 10.0 ** -len(number.partition(".")[2])
        accuracy = said > 60 and "." in number
        measured = value(shipped)
        margin = rounding if accuracy else max(rounding, 0.1 * said)
        assert abs(measured - said) <= margin + 1e-9, f"{technique} says {phrase!r}, the bank {measured:.4g}"


def test_every_technique_that_names_the_bank_is_held_against_it() -> None:
    said = {name: registry.entry("techniques", name).describe()["pays"] for name in registry.names("techniques")}
    assert {name for name, pays in said.items() if "the bank" in pays} == set(CLAIMS)
