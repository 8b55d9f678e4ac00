"""The spec: what is refused and how that is said, and what makes two specs the same."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from greenai_core import spec
from greenai_core.errors import BadInput
from greenai_core.settings import ROOT
from greenai_core.store import records

EXAMPLE: dict[str, Any] = {
    "schema_version": 1,
    "dataset": {"name": "digits"},
    "model": {"name": "mnist_cnn"},
    "recipe": [
        {"name": "train", "epochs": 3},
        {"name": "l1_channel_pruning", "sparsity": 0.8},
        {"name": "fine_tune", "epochs": 2},
    ],
    "seed": 0,
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the example with one field set."""
    document = copy.deepcopy(EXAMPLE)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in parents:
        place = place[part]
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("dataset.name", "digitz", "dataset: unknown dataset 'digitz'; known: cifar10, digits"),
        ("model.name", "resnet", "model: unknown model 'resnet'; known: "),
        ("recipe.1.name", "l1", "recipe.1: unknown technique 'l1'; known: "),
        ("recipe.1.sparsity", 1.5, "recipe.1.sparsity: Input should be less than or equal to 0.99, got 1.5"),
        ("recipe.0.epoch", 3, "recipe.0.epoch: there is no such field"),
        ("model.width", 2, "model.width: there is no such field"),
        ("colour", "green", "colour: there is no such field"),
        ("seed", -1, "seed: Input should be greater than or equal to 0, got -1"),
        ("schema_version", 2, "schema_version: Input should be 1, got 2"),
        (
            "measurement",
            {"profile": "long"},
            "measurement.profile: Input should be 'quick', 'full' or 'none', got 'long'",
        ),
        ("dataset", "digits", 'dataset: expected an object with a "name"'),
        ("dataset", {"name": "image_folder"}, "dataset.path: is required"),
        ("recipe.0.lr", "fast", "recipe.0.lr: Input should be a valid number"),
    ],
)
def test_refusal_names_the_field(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        spec.check(changed(path, value))
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


def test_refusal_inside_a_teacher_names_the_whole_path() -> None:
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train", "epochs": 0}]}
    document = changed("recipe", [{"name": "distill", "teacher": teacher}])
    with pytest.raises(BadInput, match=r"^recipe\.0\.teacher\.recipe\.0\.epochs: "):
        spec.check(document)


def test_defaults_and_order_of_keys_do_not_change_the_identity() -> None:
    plain = spec.check(EXAMPLE)
    spelt_out = spec.check(dict(reversed(plain.model_dump(mode="json").items())))
    assert spelt_out == plain
    assert spelt_out.spec_id == plain.spec_id


def test_measurement_does_not_change_the_identity_and_everything_else_does() -> None:
    plain = spec.check(EXAMPLE).spec_id
    assert spec.check(changed("measurement", {"profile": "full"})).spec_id == plain
    for path, value in [
        ("seed", 1),
        ("recipe.1.sparsity", 0.81),
        ("model.name", "mlp_student"),
        ("dataset.name", "mnist"),
    ]:
        assert spec.check(changed(path, value)).spec_id != plain


def test_json_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(spec.check(EXAMPLE).to_json())
    assert spec.read(file) == spec.check(EXAMPLE) == spec.read(file.read_bytes())


def test_teacher_inherits_dataset_and_seed() -> None:
    stage = {"name": "distill", "teacher": {"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train"}]}}
    run = spec.check({**EXAMPLE, "recipe": [stage], "seed": 7})
    taught = run.recipe[0].teacher.within(run)
    assert (taught.dataset, taught.seed) == (run.dataset, 7)
    stage["teacher"] |= {"dataset": {"name": "mnist"}, "seed": 3}
    run = spec.check({**EXAMPLE, "recipe": [stage]})
    taught = run.recipe[0].teacher.within(run)
    assert (taught.dataset.name, taught.seed) == ("mnist", 3)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"dataset": ', "malformed JSON at line 1, column 13"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b" " * (spec.MAX_JSON_BYTES + 1), "is too large for a spec"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"seed": ' + b"9" * 5_000 + b"}", "a number in the JSON has too many digits"),
        (b"[]", "a JSON object is expected"),
    ],
)
def test_files_that_are_no_spec(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_bytes(content)
    for source in (file, content):
        with pytest.raises(BadInput, match=sentence):
            spec.read(source)


def test_missing_file() -> None:
    with pytest.raises(BadInput, match=r"nowhere\.json: cannot be read"):
        spec.read(Path("nowhere.json"))


def test_a_spec_is_checked_without_torch() -> None:
    code = f"from greenai_core import spec; spec.check({EXAMPLE!r}); import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_stored_runs_keep_their_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that came later must not change the identity of what was stored before it."""
    monkeypatch.setenv("GREENAI_BANK", str(ROOT / "results" / "bank"))
    shipped = records.every("bank")
    assert shipped
    assert all(spec.check(record.spec).spec_id == record.spec_id for record in shipped)
