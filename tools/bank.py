"""Measure the records that the repository ships in results/bank/.

    python -m tools.bank digits
    GREENAI_DATA_DIR=... python -m tools.bank fashion_mnist [--train] [--anew TECHNIQUE ...]

A bank holds the recipes of results/recipes/ that are on its data set, on all their seeds, and a point of every
technique (Fashion-MNIST) or network (digits) on seed 0. Every run is measured in profile `full`, in a store of its own
below results/, so that an interrupted measurement goes on where it stopped; then the records are written to
results/bank/DATASET.parquet. What that file holds already stays as it was measured, but for what no recipe asks for any
more and for the runs of techniques that are to be measured `--anew`, since their figures have changed. Run it on a
machine with nothing else to do: latencies are wall time. `--train` only trains, which may share the machine; measuring
finds everything trained then.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from greenai_core.examples import first_experiment
from greenai_core.jobs import sweeps
from greenai_core.jobs.access import Access
from greenai_core.quiet_waiting import wait_quietly
from greenai_core.registry import names
from greenai_core.settings import ROOT, settings
from greenai_core.spec import Spec, check
from greenai_core.store import exchange, records

RECIPES = ROOT / "results" / "recipes"

Stage = Mapping[str, Any]


@cache
def recipe(name: str) -> tuple[Spec, ...]:
    """Return the specs of a file in results/recipes/, one per seed."""
    return tuple(sweeps.expand(json.loads((RECIPES / f"{name}.json").read_text(encoding="utf-8"))))


def chosen(dataset: str) -> Iterator[Spec]:
    """Yield the specs of all recipes on a data set."""
    for file in sorted(RECIPES.glob("*.json")):
        yield from (spec for spec in recipe(file.stem) if spec.dataset.name == dataset)


DENSE: Stage = {"name": "train", "epochs": 9, "lr": 0.002}
"""What mnist_cnn is before a technique is shown on it: a baseline that stays, so that points of later techniques can be
set beside earlier ones."""


def techniques() -> Iterator[tuple[str, list[Stage]]]:
    """Yield (model, recipe) on Fashion-MNIST: the dense baseline, and every technique that mnist_cnn can take on it."""
    dense = [DENSE]
    yield "mnist_cnn", dense
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": dense}
    smaller = [*dense, {"name": "l1_channel_pruning", "sparsity": 0.8}]
    tune = {"name": "fine_tune", "epochs": 1}
    for unstructured in ("magnitude", "random", "kernel", "vector"):
        sparsity = 0.9 if unstructured == "magnitude" else 0.5
        yield "mnist_cnn", [*dense, {"name": f"{unstructured}_pruning", "sparsity": sparsity}, tune]
    yield "mnist_cnn", [*dense, {"name": "two_four_pruning"}, tune]
    for ticket in ("winning", "random"):
        yield (
            "mnist_cnn",
            [{"name": "lottery_ticket", "sparsity": 0.8, "rounds": 2, "epochs": 3, "ticket": ticket}],
        )
    for structured in ("l1", "l2", "taylor", "random"):
        yield "mnist_cnn", [*dense, {"name": f"{structured}_channel_pruning", "sparsity": 0.8}, {**tune, "epochs": 3}]
    for norm in ("l1", "l0"):
        yield "mnist_cnn", [{"name": f"{norm}_regularisation", "epochs": 5}]
    for quantization in ("dynamic_quantization", "static_quantization", "weight_only_int8", "weight_only_int4"):
        yield "mnist_cnn", [*dense, {"name": quantization}]
    yield "mnist_cnn", [*dense, {"name": "half_precision"}]
    yield "mnist_cnn", [*dense, {"name": "quantization_aware_training", "epochs": 1}]
    yield "mnist_cnn", [*dense, {"name": "kmeans_codebook"}]
    yield "mnist_cnn", [*dense, {"name": "kmeans_codebook"}, {"name": "entropy_coding"}]
    pruned = [*dense, {"name": "magnitude_pruning", "sparsity": 0.9}, tune]
    yield "mnist_cnn", [*pruned, {"name": "entropy_coding"}]
    yield "mnist_cnn", [*pruned, {"name": "kmeans_codebook", "epochs": 1}, {"name": "entropy_coding"}]
    yield "mnist_cnn", [{"name": "hashing_trick", "epochs": 3}]
    for factors in ("svd_factorization", "tucker_factorization"):
        yield "mnist_cnn", [*dense, {"name": factors}, tune]
    lesson = {"epochs": 3, "dropout": 0.0, "teacher": teacher}
    for kind in ("distill", "decoupled_distillation", "relational_distillation", "uncertainty_distillation"):
        yield "mnist_cnn", [*smaller, {"name": kind, **lesson}]
    yield "mnist_cnn", [*smaller, {"name": "attention_distillation", **lesson}]
    yield "mnist_cnn", [*smaller, {**tune, "epochs": 3}, {"name": "self_distillation", "epochs": 3}]
    lenet = {"model": {"name": "lenet5"}, "recipe": [{"name": "train", "epochs": 5}]}
    several = {"epochs": 3, "dropout": 0.0, "teachers": [teacher, lenet]}
    yield "mnist_cnn", [*smaller, {"name": "multi_teacher_distillation", **several}]
    yield (
        "mnist_cnn",
        [
            {
                "name": "transfer",
                "freeze": 1,
                "source": {
                    "dataset": {"name": "digits"},
                    "model": {"name": "mnist_cnn"},
                    "recipe": [{"name": "train"}],
                },
            },
            {"name": "fine_tune", "epochs": 3},
        ],
    )


def networks() -> Iterator[tuple[str, list[Stage]]]:
    """Yield (model, recipe) on digits: every network and estimator, and what needs batch normalisation or blocks."""
    gentle = {"squeezenet": 1e-3}
    for model in names("models"):
        yield model, [{"name": "train", "epochs": 10, **({"lr": gentle[model]} if model in gentle else {})}]
    train, tune = {"name": "train", "epochs": 10}, {"name": "fine_tune", "epochs": 3}
    yield "resnet20", [train, {"name": "bn_scale_channel_pruning"}, tune]
    yield "resnet20", [{"name": "network_slimming", "epochs": 10}, tune]
    yield "resnet20", [train, {"name": "layer_pruning", "blocks": 2}, tune]
    for structured in ("l1", "l2", "taylor", "random"):
        yield "resnet20", [train, {"name": f"{structured}_channel_pruning"}, tune]
    yield "resnet18", [train, {"name": "static_quantization"}]


POINTS = {"fashion_mnist": techniques, "digits": networks}
EXAMPLE_SEEDS = (0, 1, 2)


def specs(dataset: str) -> list[Spec]:
    """Return what the bank of one data set holds, without repetition; recipes first."""
    example = [first_experiment().model_copy(update={"seed": seed}) for seed in EXAMPLE_SEEDS]
    points = [
        check({"dataset": {"name": dataset}, "model": {"name": model}, "recipe": stages, "seed": 0})
        for model, stages in POINTS[dataset]()
    ]
    wanted = [*chosen(dataset), *(spec for spec in example if spec.dataset.name == dataset), *points]
    return list({spec.spec_id: spec for spec in wanted}.values())


def measured_as(spec: Spec, profile: str) -> Spec:
    """Return a spec as the bank measures it: on one thread, so that no run waits for another one's."""
    return check(spec.model_dump(mode="json") | {"measurement": {"profile": profile, "threads": 1}})


def main() -> None:
    """Run what is missing and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=list(POINTS))
    parser.add_argument("--train", action="store_true", help="only train")
    parser.add_argument("--anew", nargs="+", default=[], choices=names("techniques"), metavar="TECHNIQUE")
    options = parser.parse_args()
    folder = ROOT / "results" / f"bank-{options.dataset}"
    folder.mkdir(parents=True, exist_ok=True)
    wait_quietly()
    os.environ["GREENAI_DATABASE_URL"] = f"sqlite:///{folder / 'bank.db'}"
    os.environ["GREENAI_ARTIFACTS"] = str(folder / "artifacts")
    shipped = settings().bank / f"{options.dataset}.parquet"
    os.environ["GREENAI_BANK"] = str(folder / "bank")  # there is none: what is known is in this store
    if shipped.exists():
        exchange.import_file(shipped)
    wanted = [measured_as(spec, "none" if options.train else "full") for spec in specs(options.dataset)]
    stays = {spec.spec_id for spec in wanted if not {stage.name for stage in spec.recipe} & set(options.anew)}
    known = records.table("own")
    records.delete(list(known.loc[~known["spec_id"].isin(stays), "run_id"]), Access.local())
    measured = set(records.table("own")["spec_id"])
    from greenai_core import preload, run

    preload.everything()  # else the first stage would pay for imports
    for number, spec in enumerate(wanted, start=1):
        if spec.spec_id not in measured:
            record = run.execute(spec)
            if not options.train:
                records.save(record)
            stages = " > ".join(stage["name"] for stage in record.recipe)
            sys.stderr.write(
                f"{number}/{len(wanted)} {record.model}: {stages}, seed {record.seed}: "
                f"accuracy_val {record.accuracy_val:.4f}, {record.size_bytes} bytes\n"
            )
    if not options.train:
        exchange.export(shipped, "parquet", "own")


if __name__ == "__main__":
    main()
