"""The preview: the very figures of the run, before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from greenai_core import preview, run, shapes, spec
from greenai_core.errors import BadInput
from greenai_core.jobs.sweeps import expand
from greenai_core.store import answers, records
from tests import factory

PRUNED = [
    {"name": "train", "epochs": 1},
    {"name": "l1_channel_pruning", "sparsity": 0.8},
    {"name": "fine_tune", "epochs": 1},
]

PRUNED_60 = [PRUNED[0], {**PRUNED[1], "sparsity": 0.6}, PRUNED[2]]


def a_spec(recipe: list[dict[str, Any]] = PRUNED, *, model: str = "mnist_cnn", dataset: str = "digits") -> spec.Spec:
    document = {"dataset": {"name": dataset}, "model": {"name": model}, "recipe": recipe}
    return spec.check({**document, "measurement": {"profile": "none"}})


@pytest.mark.parametrize(("sparsity", "params"), [(0.6, 483_848), (0.8, 241_936), (0.95, 75_242)])
def test_exact_counts(sparsity: float, params: int) -> None:
    recipe = [PRUNED[0], {**PRUNED[1], "sparsity": sparsity}, PRUNED[2]]
    shown = preview.preview(a_spec(recipe))
    assert shown["params"] == shown["nonzero_params"] == params
    assert shown["baseline"]["params"] == 1_199_882
    assert [stage["params"] for stage in shown["stages"]] == [1_199_882, params, params]


@pytest.mark.parametrize(
    ("model", "technique"),
    [
        ("mnist_cnn", "l1_channel_pruning"),
        ("mnist_cnn", "magnitude_pruning"),
        ("mlp_student", "magnitude_pruning"),
        ("mobilenet_v3_small", "l1_channel_pruning"),
    ],
)
def test_figures_are_those_of_the_record(model: str, technique: str) -> None:
    asked = a_spec([PRUNED[0], {"name": technique, "sparsity": 0.6}], model=model)
    shown, record = preview.preview(asked), run.execute(asked)
    assert (shown["params"], shown["macs"]) == (record.params, record.macs)
    assert shown["nonzero_params"] == pytest.approx(record.nonzero_params, rel=0.001)
    assert shown["size_bytes"] == pytest.approx(record.size_bytes, rel=0.03)


def test_stored_stages_are_free_and_the_price_rests_on_them() -> None:
    before = preview.preview(a_spec())
    assert before["cached_stages"] == [] and "no stored run" in before["predicted"]["basis"]
    records.save(run.execute(a_spec()))
    after = preview.preview(a_spec())
    assert after["cached_stages"] == [0, 1, 2]
    assert after["predicted"]["wall_s"] == 0 and after["predicted"]["basis"] == "every stage is stored"
    longer = preview.preview(a_spec([{"name": "train", "epochs": 4}]))
    assert "1 stored train stage of mnist_cnn on digits" in longer["predicted"]["basis"]


def test_the_price_of_a_distillation_is_that_of_the_stored_one() -> None:
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [PRUNED[0]]}
    distill = {"name": "distill", "epochs": 2, "teacher": teacher}
    stored = run.execute(a_spec([distill], model="mlp_student"))
    records.save(stored)
    hotter = preview.preview(a_spec([{**distill, "temperature": 8}], model="mlp_student"))
    assert hotter["predicted"]["energy_j"] == pytest.approx(stored.stages[0].energy_j)


def test_nothing_is_downloaded_for_a_look(own_store: Path) -> None:
    shown = preview.preview(a_spec(dataset="cifar10"))
    assert shown["baseline"]["macs"] > 10_000_000
    assert not (own_store / "data").exists()


def sweep_of(base: spec.Spec, **axes: list[Any]) -> list[spec.Spec]:
    seeds = axes.pop("seeds", [0])
    paths = {path.replace("__", "."): values for path, values in axes.items()}
    return expand({"spec": base.model_dump(mode="json"), "sweep": paths, "seeds": seeds})


def alone(specs: list[spec.Spec]) -> float:
    return sum(float(preview.preview(each)["predicted"]["energy_j"]) for each in specs)


def test_one_run_costs_what_its_preview_says() -> None:
    one, together = preview.preview(a_spec()), preview.price([a_spec()])
    assert together["predicted"] == pytest.approx(one["predicted"])
    assert together["shared"] == pytest.approx({"wall_s": 0, "energy_j": 0})
    assert {name: (one[name], one[name]) for name in together["after"]} == together["after"]
    assert {name: (one["baseline"][name],) * 2 for name in together["before"]} == together["before"]
    assert (together["runs"], together["to_run"], together["stored"], together["stored_j"]) == (1, 1, 0, None)


def test_a_stage_that_runs_share_is_counted_once() -> None:
    specs = sweep_of(a_spec(), recipe__1__sparsity=[0.6, 0.8], seeds=[0, 1])
    together = preview.price(specs)
    assert (together["stages_in_all"], together["stages_to_run"]) == (12, 10)  # training once for each seed
    training = preview.price(sweep_of(a_spec(PRUNED[:1]), seeds=[0, 1]))["predicted"]["energy_j"]
    assert together["shared"]["energy_j"] == pytest.approx(training)  # nothing is measured: that is training alone
    assert together["predicted"]["energy_j"] + together["shared"]["energy_j"] == pytest.approx(alone(specs))
    assert together["after"]["params"] == (241_936, 483_848)


def test_a_teacher_that_runs_share_is_counted_once() -> None:
    distill = {"name": "distill", "epochs": 1, "teacher": {"model": {"name": "mnist_cnn"}, "recipe": [PRUNED[0]]}}
    specs = sweep_of(a_spec([distill], model="mlp_student"), recipe__0__temperature=[1, 2, 4])
    together = preview.price(specs)
    assert (together["stages_in_all"], together["stages_to_run"]) == (6, 4)
    assert together["predicted"]["energy_j"] + together["shared"]["energy_j"] == pytest.approx(alone(specs))
    own = {**distill["teacher"], "seed": 7}
    seeds = preview.price(sweep_of(a_spec([{**distill, "teacher": own}], model="mlp_student"), seeds=[0, 1, 2]))
    assert (seeds["stages_in_all"], seeds["stages_to_run"]) == (6, 4)


def test_runs_that_are_measured_otherwise_share_all_their_training() -> None:
    together = preview.price(sweep_of(a_spec(), measurement__profile=["none", "quick"]))
    assert (together["stages_in_all"], together["stages_to_run"]) == (6, 3)
    (dear,) = sweep_of(a_spec(), measurement__profile=["quick"])
    assert together["predicted"]["energy_j"] == pytest.approx(alone([dear]))


def test_what_runs_have_in_common_is_a_run_of_its_own_and_measured_as_such() -> None:
    specs = sweep_of(a_spec(), recipe__1__sparsity=[0.6, 0.8], measurement__profile=["quick"])
    two = preview.price(specs)
    assert (two["to_run"], two["beside"]) == (2, 1)
    unmeasured = preview.price(sweep_of(a_spec(), recipe__1__sparsity=[0.6, 0.8]))["predicted"]["energy_j"]
    measuring = (
        preview.price(specs[:1])["predicted"]["energy_j"] - preview.price([a_spec(PRUNED_60)])["predicted"]["energy_j"]
    )
    assert two["predicted"]["energy_j"] == pytest.approx(unmeasured + 3 * measuring)
    records.save(run.execute(spec.check({**specs[0].model_dump(mode="json"), "recipe": PRUNED[:1]})))
    assert preview.price(specs)["beside"] == 0


def test_what_is_stored_costs_nothing() -> None:
    records.save(run.execute(a_spec(PRUNED[:1])))
    left = preview.price(sweep_of(a_spec(), recipe__1__sparsity=[0.6, 0.8]))
    assert (left["stages_to_run"], left["free"]) == (4, {"1. train": 2})
    records.save(run.execute(a_spec()))
    both = sweep_of(a_spec(), seeds=[0, 1])
    answered = preview.price(both)
    assert (answered["runs"], answered["stored"], answered["to_run"], answered["stages_to_run"]) == (2, 1, 1, 3)
    stored = answers.record(a_spec())
    assert stored is not None and answered["stored_j"] == stored.energy_spent_j
    again = preview.price(both, again=True)
    assert (again["to_run"], again["stages_to_run"], again["free"]) == (
        2,
        3,
        {"1. train": 1, "2. l1_channel_pruning": 1, "3. fine_tune": 1},
    )


def test_joules_of_stored_runs_that_are_unknown_are_counted_as_such() -> None:
    for seed, joules in ((0, 30.0), (1, None), (2, 12.0)):
        records.save(factory.record(factory.spec(seed=seed), energy_spent_j=joules))
    answered = preview.price(sweep_of(factory.spec(), seeds=[0, 1, 2]))
    assert (answered["stored"], answered["stored_j"], answered["stored_unknown"]) == (3, 42.0, 1)
    assert (answered["to_run"], answered["predicted"]["energy_j"]) == (0, 0)


def test_of_many_networks_some_are_built_and_neighbours_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    sparsities = [index / 100 for index in range(10, 90)]
    base = a_spec([PRUNED[0], {"name": "magnitude_pruning"}, PRUNED[2]], model="mlp_student")
    many = sweep_of(base, recipe__1__sparsity=sparsities)
    shapes._step.cache_clear()
    applied: list[str] = []
    real = shapes.applied

    def counted(stage: Any, *others: Any) -> Any:
        applied.append(stage.name)
        return real(stage, *others)

    monkeypatch.setattr(shapes, "applied", counted)
    together = preview.price(many)
    assert applied.count("magnitude_pruning") == shapes.MOST_APPLIED
    assert not together["exact"]
    ends = [preview.preview(many[index])["nonzero_params"] for index in (-1, 0)]
    assert together["after"]["nonzero_params"] == tuple(ends)
    assert together["stages_to_run"] == 161


def test_fields_that_change_no_network_cost_no_building() -> None:
    together = preview.price(
        sweep_of(a_spec(model="mlp_student", recipe=PRUNED[:1]), recipe__0__lr=[0.001 * n for n in range(1, 31)])
    )
    assert together["exact"]
    assert together["after"]["params"] == together["before"]["params"]


def test_a_technique_that_refuses_its_model_is_said() -> None:
    with pytest.raises(BadInput, match="needs a model with convolutions"):
        preview.price(sweep_of(a_spec(), model=[{"name": "mnist_cnn"}, {"name": "mlp_student"}]))


@pytest.mark.parametrize(
    ("model", "fields", "sentence"),
    [
        ("plain_cnn", {"dropout": 0.2}, "dropout needs a network with dropout layers"),
        ("mnist_cnn", {"cutout": 28}, "cutout of 28 pixels hides images of 28x28"),
    ],
)
def test_what_training_would_refuse_is_refused_before_anything_is_spent(
    model: str, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        preview.preview(a_spec([{"name": "train", **fields}], model=model))


def test_freezing_what_is_frozen_already_is_refused_before_anything_is_spent() -> None:
    source = {"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train"}]}
    recipe = [{"name": "transfer", "source": source, "freeze": 3}, {"name": "fine_tune", "freeze_out": 0.3}]
    with pytest.raises(BadInput, match="freeze_out needs a network of which two layers or more learn"):
        preview.preview(a_spec(recipe))
    preview.preview(a_spec([{**recipe[0], "freeze": 2}, recipe[1]]))
