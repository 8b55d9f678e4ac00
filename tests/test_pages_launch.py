"""The Launch page, in Streamlit's own harness; what runs would cost is answered here instead of by its process."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from greenai_core import forms
from greenai_core.draft import Draft, Node
from greenai_core.errors import BadInput, RunFailed
from greenai_core.examples import first_experiment
from greenai_core.jobs import previews, queue, supervisor, sweeps
from greenai_core.registry import names
from greenai_core.spec import Spec, check
from greenai_core.store import answers, records
from tests import factory

FRAME = str(Path(__file__).resolve().parents[1] / "pages" / "main.py")
SIZES = ("params", "nonzero_params", "macs", "size_bytes")
SPARSITY = "2. L1 channel pruning: Sparsity"


@dataclass
class Priced:
    """Answers for the process that finds prices: 2 s and 10 J a run; remembers what it was asked."""

    asked: list[tuple[Any, bool]] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)

    def ask(self, document: Any, *, again: bool = False) -> dict[str, Any]:
        self.asked.append((document, again))
        specs = sweeps.read(document).specs
        found = [answers.record(spec) for spec in specs]
        took = [answer.energy_spent_j for answer in found if answer]
        left = len(specs) if again else found.count(None)
        return {
            "runs": len(specs),
            "stored": len(took),
            "stored_j": sum(joules for joules in took if joules is not None) if any(took) else None,
            "stored_unknown": took.count(None),
            "to_run": left,
            "beside": 0,
            "predicted": {"wall_s": 2.0 * left, "energy_j": 10.0 * left, "basis": "3 stored runs on this machine"},
            "shared": {"wall_s": 0.0, "energy_j": 0.0},
            "stages_to_run": 3 * left,
            "stages_in_all": 3 * left,
            "free": {},
            "before": dict.fromkeys(SIZES, (1_199_882, 1_199_882)),
            "after": dict.fromkeys(SIZES, (241_936, 241_936)),
            "exact": True,
            **self.changes,
        }

    @property
    def specs(self) -> tuple[Spec, ...]:
        return sweeps.read(self.asked[-1][0]).specs


@pytest.fixture(autouse=True)
def prices(monkeypatch: pytest.MonkeyPatch) -> Priced:
    """No process is started: those have tests of their own, and the browser tests use them."""
    priced = Priced()
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(supervisor, "ensure_supervisor", lambda: None)
    monkeypatch.setattr(previews, "ask", priced.ask)
    return priced


def opened() -> AppTest:
    app = AppTest.from_file(FRAME, default_timeout=30).run()
    app.switch_page("launch.py").run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "metric")
    return "\n".join(f"{getattr(item, 'label', '')} {item.value}" for kind in kinds for item in app.get(kind))


def typed(app: AppTest, label: str, text: str) -> AppTest:
    next(item for item in app.text_input if item.label == label).set_value(text).run()
    assert not app.exception, app.exception
    return app


def vary(app: AppTest, path: str) -> AppTest:
    draft: Draft = app.session_state["draft"]
    (found,) = [each for each in draft.variables() if each.path == path]
    app.selectbox(key=f"{draft.uid}.vary").set_value(found.id).run()
    assert not app.exception, app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {item.label: item.value for item in app.metric}


def test_a_run_shows_sizes_price_and_what_is_free(prices: Priced) -> None:
    prices.changes = {"free": {"1. train": 1}, "stages_to_run": 2, "shared": {"wall_s": 1.0, "energy_j": 7.0}}
    prices.changes["beside"] = 2
    app = opened()
    assert metrics(app)["Parameters"] == "241,936"
    assert (metrics(app)["Time"], metrics(app)["Energy"]) == ("2.00 s", "10.0 J")
    assert "3 stored runs on this machine" in words(app)
    assert "Free, because it is stored: 1. train." in words(app)
    assert "2 stages to run instead of 3" in words(app) and "Saves 7.00 J" in words(app)
    assert "And 2 runs of what they have in common" in words(app)


def test_the_price_is_that_of_all_seeds_that_are_not_stored(prices: Priced) -> None:
    stored = factory.record(first_experiment(0), energy_spent_j=36.0)
    records.save(stored)
    prices.changes = {"free": {"1. train": 1}}
    app = typed(opened(), "Seeds", "0-3")
    assert (metrics(app)["Time"], metrics(app)["Energy"]) == ("6.00 s", "30.0 J")
    assert "Price of 3 runs**, 1 more stored already" in words(app)
    assert "1. train (in 1 of 3 runs)" in words(app)
    assert "1 of 4 runs stored already" in words(app) and "saves the 36.0 J" in words(app)
    app.toggle(key="again").set_value(True).run()
    assert metrics(app)["Time"] == "8.00 s"
    assert "Nothing is left to run" in words(typed(opened(), "Seeds", "0"))


def test_what_is_unknown_of_stored_runs_is_said() -> None:
    for seed, joules in ((0, 36.0), (1, None)):
        records.save(factory.record(first_experiment(seed), energy_spent_j=joules))
    assert "saves the 36.0 J that they took (of 1 it is unknown)" in words(typed(opened(), "Seeds", "0, 1"))


def test_one_click_launches_one_job_per_seed() -> None:
    app = typed(opened(), "Seeds", "0, 1")
    app.button(key="launch").click().run()
    assert not app.exception, app.exception
    assert {0, 1} == {job.spec["seed"] for job in queue.jobs()}


def test_a_field_is_varied_in_two_steps_and_launched_in_one(monkeypatch: pytest.MonkeyPatch, prices: Priced) -> None:
    submitted: list[tuple[list[Spec], dict[str, Any]]] = []

    def submit(specs: list[Spec], **options: Any) -> list[queue.Submitted]:
        submitted.append((specs, options))
        return [queue.Submitted("some", "queued", spec.spec_id, None) for spec in specs]

    monkeypatch.setattr(queue, "submit", submit)
    app = typed(vary(opened(), "recipe.1.sparsity"), SPARSITY, "0.6, 0.8")
    app = vary(app, "recipe.0.augment")
    (augment,) = app.multiselect
    augment.set_value(["none", "shift"]).run()
    assert {"sweep": prices.asked[-1][0]["sweep"]} == {
        "sweep": {"recipe.1.sparsity": [0.6, 0.8], "recipe.0.augment": ["none", "shift"]}
    }
    draft: Draft = app.session_state["draft"]
    app.number_input(key=f"{draft.uid}.budget").set_value(25.0).run()
    assert "above the budget" in words(app)
    assert app.button(key="launch").label == "Launch 4 runs"
    app.button(key="launch").click().run()
    ((specs, options),) = submitted
    assert [(spec.recipe[1].model_dump()["sparsity"], spec.recipe[0].model_dump()["augment"]) for spec in specs] == [
        (0.6, "none"),
        (0.6, "shift"),
        (0.8, "none"),
        (0.8, "shift"),
    ]
    assert (options["budget_j"], options["again"]) == (25.0, False)


def test_a_field_that_is_varied_is_only_shown_in_the_form() -> None:
    app = vary(opened(), "recipe.1.sparsity")
    slider = next(item for item in app.slider if item.label == "Sparsity")
    assert slider.disabled
    assert slider.value == 0.8
    draft: Draft = app.session_state["draft"]
    app.button(key=f"{draft.axes[0].uid}.delete").click().run()
    assert not next(item for item in app.slider if item.label == "Sparsity").disabled
    assert not draft.axes


def test_many_networks_are_shown_by_the_least_and_the_most(prices: Priced) -> None:
    prices.changes = {"after": {**dict.fromkeys(SIZES, (241_936, 483_848)), "macs": None}, "exact": False}
    app = typed(vary(opened(), "recipe.1.sparsity"), SPARSITY, "0.6, 0.8")
    assert "| Parameters | 1,199,882 | 241,936 | 483,848 |" in words(app)
    assert "| unknown | unknown |" in words(app)
    assert "like their neighbours" in words(app)


@pytest.mark.parametrize("text", ["0.6, much", "", "2"])
def test_a_bad_value_names_its_field_instead_of_a_price(text: str) -> None:
    app = typed(vary(opened(), "recipe.1.sparsity"), SPARSITY, text)
    (warning,) = app.warning
    assert "Sparsity" in warning.value or "sparsity" in warning.value
    assert "Energy" not in metrics(app)
    assert not [button for button in app.button if button.key == "launch"]


def test_what_is_varied_follows_its_stage_and_goes_with_it(prices: Priced) -> None:
    app = vary(opened(), "recipe.2.epochs")
    draft: Draft = app.session_state["draft"]
    app.selectbox(key=f"{draft.uid}.add").set_value("fine_tune").run()
    app.button(key=f"{draft.uid}.add-button").click().run()
    varied = draft.stages[2].uid
    app.button(key=f"{varied}.arrow_downward").click().run()
    assert [item.label for item in app.text_input if item.label.endswith("Epochs")] == ["4. Fine-tune: Epochs"]
    assert list(prices.asked[-1][0]["sweep"]) == ["recipe.3.epochs"]
    app.button(key=f"{varied}.delete").click().run()
    assert not app.exception, app.exception
    assert "sweep" not in prices.asked[-1][0]


def test_a_price_that_cannot_be_told_does_not_stop_a_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(document: Any, *, again: bool = False) -> dict[str, Any]:
        raise RunFailed("the preview gave no answer.")

    monkeypatch.setattr(previews, "ask", broken)
    app = opened()
    assert "gave no answer" in words(app)
    assert not app.button(key="launch").disabled


def test_a_stored_run_is_answered_and_not_run_again() -> None:
    records.save(factory.record(first_experiment()))
    app = opened()
    assert "stored already" in words(app)
    app.button(key="launch").click().run()
    assert queue.jobs() == []


def test_the_sparsity_slider_reaches_the_price(prices: Priced) -> None:
    next(item for item in opened().slider if item.label == "Sparsity").set_value(0.6).run()
    assert prices.specs[0].recipe[1].model_dump()["sparsity"] == 0.6


def test_a_refused_recipe_shows_its_sentence_instead_of_the_price() -> None:
    app = opened()
    first = app.session_state["draft"].stages[0].uid
    app.button(key=f"{first}.delete").click().run()
    assert "needs a model that is trained" in words(app)
    assert "Energy" not in metrics(app)
    assert not [button for button in app.button if button.key == "launch"]


def test_a_stage_can_be_added_and_moved() -> None:
    app = opened()
    draft: Draft = app.session_state["draft"]
    app.selectbox(key=f"{draft.uid}.add").set_value("magnitude_pruning").run()
    app.button(key=f"{draft.uid}.add-button").click().run()
    added = app.session_state["draft"].stages[-1]
    assert added.name == "magnitude_pruning"
    app.button(key=f"{added.uid}.arrow_upward").click().run()
    assert [stage.name for stage in app.session_state["draft"].stages][-2] == "magnitude_pruning"


def test_distillation_has_a_teacher_with_a_recipe_of_its_own() -> None:
    app = opened()
    draft: Draft = app.session_state["draft"]
    app.selectbox(key=f"{draft.uid}.add").set_value("distill").run()
    app.button(key=f"{draft.uid}.add-button").click().run()
    assert not app.exception, app.exception
    teacher = app.session_state["draft"].stages[-1].values["teacher"]
    app.selectbox(key=f"{teacher.uid}.model").set_value("mlp_student").run()
    assert not app.exception, app.exception
    assert app.session_state["draft"].specs()[0].recipe[-1].teacher.model.name == "mlp_student"


def added(app: AppTest, name: str) -> Node:
    """Add a stage and return it."""
    draft: Draft = app.session_state["draft"]
    app.selectbox(key=f"{draft.uid}.add").set_value(name).run()
    app.button(key=f"{draft.uid}.add-button").click().run()
    assert not app.exception, app.exception
    return draft.stages[-1]


def test_several_teachers_are_chosen_added_and_removed() -> None:
    app = opened()
    draft: Draft = app.session_state["draft"]
    stage = added(app, "multi_teacher_distillation")

    def models() -> list[str]:
        assert not app.exception, app.exception
        (spec,) = draft.specs()
        return [teacher["model"]["name"] for teacher in spec.recipe[-1].model_dump()["teachers"]]

    assert models() == ["mnist_cnn", "lenet5"]
    assert all(button.disabled for button in app.button if button.label == "Remove"), "two are the least"
    app.button(key=f"{stage.uid}.teachers.add").click().run()
    _, second, third = app.session_state[f"{stage.uid}.teachers"]
    app.selectbox(key=f"{third.uid}.model").set_value("mlp_student").run()
    app.number_input(key=f"{third.stages[0].uid}.epochs").set_value(9).run()
    assert models() == ["mnist_cnn", "lenet5", "mlp_student"]
    app.button(key=f"{second.uid}.delete").click().run()
    assert models() == ["mnist_cnn", "mlp_student"]
    assert [teacher["recipe"][0]["epochs"] for teacher in stage.values["teachers"]] == [5, 9]


def test_an_uploaded_spec_with_several_teachers_fills_the_form() -> None:
    app = opened()
    train = {"name": "train", "epochs": 2}
    teachers = [{"model": {"name": name}, "recipe": [train]} for name in ("resnet20", "mlp_student")]
    recipe = [{"name": "multi_teacher_distillation", "teachers": teachers}]
    spec = check({"dataset": {"name": "digits"}, "model": {"name": "mlp_student"}, "recipe": recipe})
    app.file_uploader(key="upload").set_value(("spec.json", spec.to_json().encode(), "application/json")).run()
    assert not app.exception, app.exception
    assert app.session_state["draft"].specs() == [spec]


def test_fields_that_hold_several_or_nothing_have_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> None:
        import streamlit as st

        from greenai_core import forms
        from greenai_core.draft import Node
        from pages.components import fields

        forms.fields = lambda kind, name: (  # type: ignore[assignment]
            forms.Field("layers", "choices", "Layers", "", ["last"], choices=("first", "last"), most=2),
            forms.Field("perhaps", "choice", "Perhaps", "", None, optional=True, choices=(1, 2)),
            forms.Field("rate", "number", "Rate", "", None, optional=True, low=0.0, high=0.9, step=0.01),
        )
        node = st.session_state.setdefault(
            "node", Node("techniques", "any", {"layers": ["last"], "perhaps": None, "rate": None}, "n")
        )
        fields.front(node)
        fields.more(node)

    monkeypatch.setattr(forms, "fields", forms.fields)  # restored at the end
    app = AppTest.from_function(shown, default_timeout=30).run()
    assert not app.exception, app.exception
    node = app.session_state["node"]
    assert node.values == {"layers": ["last"], "perhaps": None, "rate": None}
    app.multiselect(key="n.layers").set_value(["first", "last"]).run()
    app.selectbox(key="n.perhaps").set_value(2).run()
    app.number_input(key="n.rate").set_value(0.3).run()
    assert node.values == {"layers": ["first", "last"], "perhaps": 2, "rate": 0.3}
    app.selectbox(key="n.perhaps").set_value("not set").run()
    assert node.values["perhaps"] is None


def test_an_uploaded_spec_fills_the_form() -> None:
    app = opened()
    spec = factory.spec(technique="magnitude_pruning", sparsity=0.33, seed=5)
    app.file_uploader(key="upload").set_value(("spec.json", spec.to_json().encode(), "application/json")).run()
    assert not app.exception, app.exception
    assert app.session_state["draft"].specs() == [spec]
    assert next(item for item in app.slider if item.label == "Sparsity").value == 0.33


def by_default(model: str, *stages: str) -> Spec:
    """The spec of a model and stages of which nothing but the names is said."""
    recipe = [{"name": stage} for stage in stages]
    return check({"dataset": {"name": "digits"}, "model": {"name": model}, "recipe": recipe, "seed": 0})


def alone_or_trained(technique: str) -> Spec:
    """A recipe with the technique as its last stage."""
    try:
        return by_default("resnet20", technique)
    except BadInput:
        return by_default("resnet20", "train", technique)


EVERY_FORM = {
    **{f"technique {name}": lambda name=name: alone_or_trained(name) for name in names("techniques")},
    **{f"model {name}": lambda name=name: by_default(name, "train") for name in names("models")},
}


def test_every_technique_and_every_model_has_a_form_that_leaves_its_defaults_as_they_are(prices: Priced) -> None:
    """One page shows one form after the other; each gives the spec that was said by names alone."""
    app = opened()
    for title, expected in EVERY_FORM.items():
        spec = expected()
        draft = Draft.of_spec(first_experiment())
        draft.model = Node.of_json("models", {"name": spec.model.name})
        draft.stages = [Node.of_json("techniques", {"name": stage.name}) for stage in spec.recipe]
        app.session_state["draft"] = draft
        app.run()
        assert not app.exception and not app.error and not app.warning, (title, app.exception, words(app))
        (written,) = draft.specs()
        assert (written.model, written.recipe) == (spec.model, spec.recipe), title
        assert prices.specs[0].recipe == spec.recipe, title
        for node in (draft.model, *draft.stages):
            parts = [part for part in forms.fields(node.kind, node.name) if part.applies(node.values)]
            shown = {part.name for part in parts if f"{node.uid}.{part.name}" in app.session_state}
            assert shown == {part.name for part in parts if part.widget != "teacher" or part.optional}, title
        heading = next(item for item in app.markdown if item.value.startswith(f"**{len(draft.stages)}. "))
        assert heading.proto.help == forms.described("techniques", spec.recipe[-1].name).help
        assert "Pays " in heading.proto.help


def test_an_uploaded_sweep_fills_the_form_and_is_offered_again() -> None:
    app = opened()
    spec = first_experiment().model_dump(mode="json", exclude={"seed", "schema_version"})
    document = {"spec": spec, "sweep": {"recipe.1.sparsity": [0.5, 0.9]}, "seeds": [1, 2], "budget_j": 100.0}
    app.file_uploader(key="upload").set_value(("a.json", json.dumps(document).encode(), "application/json")).run()
    assert not app.exception, app.exception
    assert next(item for item in app.text_input if item.label == SPARSITY).value == "0.5, 0.9"
    assert json.loads(app.code[0].value) == document
    assert app.button(key="launch").label == "Launch 4 runs"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "malformed JSON"),
        (b'{"dataset": {"name": "nope"}}', "unknown dataset"),
        (b" " * 1_000_001, "too large"),
        (b"[]", "the list of specs is empty"),
    ],
)
def test_a_refused_upload_leaves_the_form_as_it_was(content: bytes, sentence: str) -> None:
    app = opened()
    app.file_uploader(key="upload").set_value(("bad.json", content, "application/json")).run()
    assert not app.exception, app.exception
    assert sentence in words(app)
    assert app.session_state["draft"].specs() == [first_experiment()]
