"""Every entry of the catalogue, on tiny data: whoever adds a file has it checked here without an edit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from greenai_core import checkpoint, forms, registry, spec, training, walk
from greenai_core.analysis import nominal
from greenai_core.candidate import Candidate
from greenai_core.context import Context, Data, Images
from greenai_core.facts import NETWORK
from greenai_core.registry import FunctionEntry
from greenai_core.runtime import predictor
from greenai_core.techniques._base import Technique, Trains
from tests import networks

EVERY = [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]
TECHNIQUES = registry.names("techniques")
ENTRY = registry.parse("models", {"name": "vgg_small", "width": 0.125})


def tiny_data(channels: int = 1, side: int = 12, classes: int = 3) -> Data:
    """Two dozen images whose brightness is their class."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(24) % classes
    images = torch.randn(24, channels, side, side, generator=generator) * 0.1 + labels.view(-1, 1, 1, 1).float()
    return Data(Images(images, labels), Images(images, labels), (channels, side, side), classes)


def context(data: Data) -> Context:
    def fit(candidate: Candidate, **options: object) -> Candidate:
        generator = torch.Generator().manual_seed(0)
        return training.fit(candidate, data, generator=generator, report=lambda step: None, **options)

    return Context(data, fit, lambda teacher: a_network(data).eval().requires_grad_(False), torch.Generator())


def a_network(data: Data) -> torch.nn.Module:
    """Small, with all that techniques look for: convolutions, batch normalisation, blocks, a hidden linear layer."""
    return registry.parse("models", ENTRY)(data.input_shape, data.num_classes)


def quick(name: str, **parameters: object) -> Technique:
    """The technique with its defaults, trained for one epoch where it trains."""
    cls = registry.entry("techniques", name)
    return cls.from_json({**({"epochs": 1} if "epochs" in cls.model_fields else {}), **parameters})


def restore(candidate: Candidate, data: Data) -> Candidate:
    """The candidate as a fresh process finds it in the store."""
    return checkpoint.unpack(*checkpoint.pack(candidate, ENTRY, data.input_shape, data.num_classes))


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_describes_itself(kind: registry.Kind, name: str) -> None:
    described = registry.entry(kind, name).describe()
    assert described["name"] == name
    assert described["title"] and described["summary"].endswith(".")
    assert described["family"]
    assert "https://" in described["source"] or "results/reference" in described["source"]
    for field, schema in described["parameters"].get("properties", {}).items():
        assert (schema.get("title") or "$ref" in schema) and schema.get("description"), (
            f"{name}.{field} lacks a title or a description"
        )


@pytest.mark.parametrize("name", TECHNIQUES)
def test_technique_says_when_it_pays_and_when_not(name: str) -> None:
    """One or two sentences after "Pays: ", which are read after the word "Pays"; figures say where they are from."""
    described = registry.entry("techniques", name).describe()
    pays = described["pays"]
    assert re.match(r"[a-z]", pays) and pays.endswith("."), f"{name}: the docstring lacks a line `Pays: where ...`"
    assert len(nominal.sentences(pays)) <= 2
    assert re.search(r"\b(not|no|nothing|only|slower|elsewhere|little|neither)\b", pays, re.IGNORECASE), "when not?"
    if re.search(r"\d %|\d of the|\d times", pays):
        assert re.search(r"the bank|the paper|python -m", pays), f"{name}: where are its figures from?"
    assert "Pays: " not in described["details"] and "Family: " not in described["details"]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_survives_json(kind: registry.Kind, name: str) -> None:
    required = {"path": "x"} if name == "image_folder" else {}
    entry = registry.entry(kind, name).from_json(required)
    assert registry.parse(kind, json.loads(json.dumps(entry.model_dump(mode="json")))) == entry


@pytest.mark.parametrize("name", TECHNIQUES)
def test_technique_applies_and_survives_a_checkpoint(name: str) -> None:
    data = tiny_data()
    technique = quick(name)
    torch.manual_seed(0)
    before = Candidate(a_network(data))
    untouched = {key: value.clone() for key, value in before.model.state_dict().items()}
    after = technique.apply(before, context(data))

    assert all(torch.equal(before.model.state_dict()[key], value) for key, value in untouched.items()), (
        "input was changed"
    )
    restored = restore(after, data)
    images = data.val.images
    with torch.no_grad():
        assert torch.equal(predictor(after).eval()(images), predictor(restored)(images))
    assert [c.kind for c in restored.constraints] == [c.kind for c in after.constraints]
    if "float_weights" in technique.takes:
        assert after.artifact is not None and restored.artifact == after.artifact
        return

    # Both train on to the same weights: nothing that training needs was lost on the way.
    options = {"epochs": 1, "lr": 1e-3, "report": lambda step: None}
    torch.manual_seed(1)
    on = training.fit(after, data, generator=torch.Generator().manual_seed(1), **options)
    torch.manual_seed(1)
    on_restored = training.fit(restored, data, generator=torch.Generator().manual_seed(1), **options)
    assert torch.equal(on.model(images), on_restored.model(images))


@pytest.mark.parametrize(
    "name", [name for name in TECHNIQUES if issubclass(registry.entry("techniques", name), Trains)]
)
def test_technique_that_trains_can_freeze_layers_on_the_way(name: str) -> None:
    data = tiny_data()
    after = quick(name, freeze_out=0.2, batch_size=4).apply(Candidate(a_network(data)), context(data))
    assert predictor(after).eval()(data.val.images).isfinite().all()
    for layer in after.model.modules():
        assert "train" not in vars(layer)
    assert all(parameter.requires_grad for parameter in after.model.parameters())


@pytest.mark.parametrize("name", networks.NAMES)
def test_network_learns_with_its_layers_frozen_one_after_the_other(name: str) -> None:
    data = tiny_data(side=28)
    torch.manual_seed(0)
    model = registry.parse("models", {"name": name})(data.input_shape, data.num_classes)
    options = {"epochs": 1, "lr": 1e-3, "batch_size": 6, "freeze_out": 0.3, "report": lambda step: None}
    trained = training.fit(Candidate(model), data, generator=torch.Generator().manual_seed(0), **options)
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), trained.model.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in trained.model.parameters())


@pytest.mark.parametrize("name", TECHNIQUES)
def test_technique_changes_the_model(name: str) -> None:
    data = tiny_data()
    technique = quick(name)
    before = Candidate(a_network(data))
    after = technique.apply(before, context(data))
    same_shapes = [p.shape for p in before.model.parameters()] == [p.shape for p in after.model.parameters()]
    assert (
        not same_shapes
        or after.artifact is not None
        or after.constraints
        or any(not torch.equal(a, b) for a, b in zip(before.model.parameters(), after.model.parameters(), strict=True))
    )


@pytest.mark.parametrize("name", TECHNIQUES)
def test_facts_are_consistent(name: str) -> None:
    cls = registry.entry("techniques", name)
    assert issubclass(cls, Technique)
    reachable = NETWORK | {fact for other in TECHNIQUES for fact in registry.entry("techniques", other).gives}
    assert cls.needs <= reachable, "no recipe can satisfy this"
    assert not cls.gives & cls.takes
    if "trained" in cls.gives - cls.needs:
        assert "untrained" in cls.takes


def with_idle_fields() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Every field of a technique that does not always apply, with values of other fields with which it does not."""
    for name in TECHNIQUES:
        known = {field.name: field for field in forms.fields("techniques", name)}
        for field in known.values():
            for other, value in field.applies_with:
                yield name, field.name, {other: next(choice for choice in known[other].choices if choice != value)}
            yield from ((name, field.name, {other: value}) for other, value in field.applies_unless)


@pytest.mark.parametrize(("name", "field", "others"), list(with_idle_fields()))
def test_a_field_that_does_nothing_has_no_part_in_the_identity(
    name: str, field: str, others: dict[str, object]
) -> None:
    (shown,) = (part for part in forms.fields("techniques", name) if part.name == field)
    default = shown.default
    plain = quick(name, **others)
    chosen = quick(name, **others, **{field: default + 1 if shown.integer else 0.9 * default})
    assert not shown.applies(plain.model_dump(mode="json"))
    assert chosen != plain and registry.canonical(chosen) == registry.canonical(plain)


@pytest.mark.parametrize("name", networks.NAMES)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_network_learns_and_survives_a_checkpoint(name: str, shape: tuple[int, int, int]) -> None:
    entry = registry.parse("models", {"name": name})
    assert isinstance(entry, FunctionEntry)
    torch.manual_seed(0)
    model = entry(shape, 7)
    images = torch.randn(4, *shape)
    loss = torch.nn.functional.cross_entropy(model.train()(images), torch.tensor([0, 1, 2, 6]))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    restored = checkpoint.unpack(*checkpoint.pack(Candidate(model), entry, shape, 7))
    assert torch.equal(model.eval()(images), restored.model(images))


def test_checkpoint_is_restored_in_a_fresh_process(tmp_path) -> None:
    data = tiny_data()
    torch.manual_seed(0)
    pruning = registry.parse("techniques", {"name": "l1_channel_pruning", "sparsity": 0.7})
    after = pruning.apply(Candidate(a_network(data)), context(data))
    tensors, structure = checkpoint.pack(after, ENTRY, data.input_shape, data.num_classes)
    (tmp_path / "t").write_bytes(tensors)
    (tmp_path / "s").write_bytes(structure)
    torch.save(data.val.images, tmp_path / "images.pt")
    code = (
        "import sys, torch; from pathlib import Path; from greenai_core import checkpoint; p = Path(sys.argv[1]);"
        "c = checkpoint.unpack((p / 't').read_bytes(), (p / 's').read_bytes());"
        "torch.save(c.model(torch.load(p / 'images.pt')).detach(), p / 'out.pt')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=120)
    assert torch.equal(torch.load(tmp_path / "out.pt"), after.model.eval()(data.val.images))


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ([], "nothing trains the model"),
        ([{"name": "fine_tune"}], "recipe.0: fine_tune needs a model that is trained"),
        (
            [{"name": "l1_channel_pruning"}, {"name": "train"}],
            "recipe.0: l1_channel_pruning needs a model that is trained",
        ),
        (
            [{"name": "train"}, {"name": "magnitude_pruning"}, {"name": "l1_channel_pruning"}],
            "recipe.2: l1_channel_pruning needs a model that is dense; put it before magnitude_pruning",
        ),
    ],
)
def test_order_of_a_recipe_is_checked(recipe: list[dict[str, object]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        spec.check({"dataset": {"name": "digits"}, "model": {"name": "mnist_cnn"}, "recipe": recipe})


def test_seeds_of_places_differ() -> None:
    seeds = [walk.seed_of(seed, place) for seed in range(20) for place in range(5)]
    assert len(set(seeds)) == len(seeds)
