"""Transfer: what is taken, what stays fresh, what is frozen, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from greenai_core import checkpoint, registry, run, spec, training, walk
from greenai_core.candidate import Candidate
from greenai_core.constraints.frozen import Frozen, first
from greenai_core.context import Context, Data, Images
from greenai_core.errors import BadInput
from greenai_core.facts import NETWORK
from greenai_core.techniques._base import check_order

NET = registry.parse("models", {"name": "resnet20", "depth": 1, "width": 0.5})
SOURCE = {"model": {"name": "resnet20", "depth": 1, "width": 0.5}, "recipe": [{"name": "train"}]}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(seed: int, channels: int = 1, classes: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    model = NET((channels, 12, 12), classes)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand_like(value) * 0.1)  # biases and statistics, which all begin alike
    return model.eval()


def transfer(source: nn.Module | None, own: nn.Module, **fields: object) -> Candidate:
    image = Images(torch.zeros(1, 1, 12, 12), torch.zeros(1, dtype=torch.int64))
    context = Context(Data(image, image, (1, 12, 12), 3), training.fit, lambda teacher: source, torch.Generator())
    given = {"source": SOURCE, **fields} if source is not None else fields
    return registry.parse("techniques", {"name": "transfer", **given}).apply(Candidate(own), context)


def changed(one: nn.Module, other: nn.Module) -> set[str]:
    there = other.state_dict()
    return {name for name, value in one.state_dict().items() if not torch.equal(value, there[name])}


def test_a_network_of_the_same_classes_is_taken_whole() -> None:
    source, own = network(0), network(1)
    after = transfer(source, own)
    assert not changed(after.model, source) and after.constraints == ()
    assert changed(own, source), "the network that went in is left as it is"
    images = torch.rand(2, 1, 12, 12)
    assert torch.equal(after.model.eval()(images), source(images))


def test_of_another_number_of_classes_all_but_the_head_is_taken() -> None:
    source, own = network(0, classes=7), network(1)
    after = transfer(source, own).model
    head = {name for name, value in source.state_dict().items() if value.shape != own.state_dict()[name].shape}
    assert head == {"fc.weight", "fc.bias"}
    assert all(
        torch.equal(value, (own if name in head else source).state_dict()[name])
        for name, value in after.state_dict().items()
    )


def test_colour_kernels_see_a_grey_image_as_one_with_three_equal_channels() -> None:
    source = network(0, channels=3)
    after = transfer(source, network(1)).model.eval()
    grey = torch.rand(2, 1, 12, 12)
    assert torch.allclose(after(grey), source(grey.expand(2, 3, 12, 12)), atol=1e-5)


def test_a_source_that_has_less_than_half_of_the_weights_is_refused() -> None:
    other = registry.parse("models", {"name": "mlp_student"})((1, 12, 12), 3)
    with pytest.raises(BadInput, match=r"transfer finds 0% of the model's weights.*at least 50%; choose a source of"):
        transfer(other, network(1))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_file_below_the_data_folder(suffix: str, own_store: Path) -> None:
    source = network(0)
    file = own_store / "data" / "nets" / f"resnet{suffix}"
    file.parent.mkdir(parents=True)
    write = save_file if suffix == ".safetensors" else torch.save
    write(dict(source.state_dict()), file)
    assert not changed(transfer(None, network(1), weights=f"nets/resnet{suffix}").model, source)


class Malicious:
    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('ran')",)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("there is none.pth", None, r"there is no file 'there is none.pth' in GREENAI_DATA_DIR"),
        ("../outside.pth", {}, r"'../outside.pth' is outside GREENAI_DATA_DIR"),
        ("code.pth", Malicious(), r"code.pth is no file of weights; give a .safetensors file"),
        ("list.pth", [1, 2], r"list.pth is no file of weights"),
        ("nested.pth", {"epoch": 3}, r"nested.pth is no file of weights"),
        ("text.pth", b"hello", r"text.pth is no file of weights"),
        ("text.safetensors", b"hello", r"text.safetensors is no file of weights"),
        ("empty.pth", b"", r"empty.pth is no file of weights"),
        ("other.pth", {"conv.weight": torch.zeros(3)}, r"transfer finds 0% of the model's weights"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(name: str, content: Any, sentence: str, own_store: Path) -> None:
    file = own_store / "data" / name
    (own_store / "data").mkdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(BadInput, match=sentence):
        transfer(None, network(1), weights=name)


def test_a_link_out_of_the_data_folder_is_not_followed(own_store: Path) -> None:
    (own_store / "data").mkdir()
    torch.save({}, own_store / "secret.pth")
    (own_store / "data" / "link.pth").symlink_to(own_store / "secret.pth")
    with pytest.raises(BadInput, match="outside GREENAI_DATA_DIR"):
        transfer(None, network(1), weights="link.pth")


def test_exactly_one_of_source_and_weights() -> None:
    def check(**fields: object) -> Any:
        return registry.parse("techniques", {"name": "transfer", **fields})

    for both_or_none in ({"source": SOURCE, "weights": "a.pth"}, {"source": None}, {"source": None, "weights": None}):
        with pytest.raises(ValueError, match="give one of both"):
            check(**both_or_none)
    assert check(weights="a.pth").source is None and check(weights="a.pth").changeable
    assert check().source.model.name == "mnist_cnn" and not check().changeable


def test_the_content_of_a_file_has_a_digest(own_store: Path) -> None:
    stage = registry.parse("techniques", {"name": "transfer", "weights": "w.pth"})
    (own_store / "data").mkdir()
    digests = []
    for content in (b"one", b"one", b"two!"):
        (own_store / "data" / "w.pth").write_bytes(content)
        digests.append(stage.content_digest())
    assert digests[0] == digests[1] != digests[2]
    assert registry.parse("techniques", {"name": "transfer"}).content_digest() is None


def test_frozen_blocks_stay_bit_for_bit_through_a_checkpoint_and_fine_tuning() -> None:
    after = transfer(network(0), network(1), freeze=2)
    (frozen,) = after.constraints
    restored = checkpoint.unpack(*checkpoint.pack(after, NET, (1, 12, 12), 3))
    assert [type(held) for held in restored.constraints] == [Frozen]
    assert set(restored.constraints[0].by_name) == set(frozen.by_name)

    labels = torch.arange(32) % 3
    images = Images(torch.randn(32, 1, 12, 12) + labels.view(-1, 1, 1, 1), labels)
    data = Data(images, images, (1, 12, 12), 3)

    def fit(candidate: Candidate, **options: Any) -> Candidate:
        return training.fit(candidate, data, generator=torch.Generator(), report=lambda step: None, **options)

    tuned = registry.parse("techniques", {"name": "fine_tune", "epochs": 1}).apply(
        restored, Context(data, fit, nn.Identity, torch.Generator())
    )
    blocks = [name for name, child in restored.model.named_children() if list(child.parameters())]
    moved = {name.partition(".")[0] for name in changed(tuned.model, restored.model)}
    assert moved == set(blocks[2:]), "the frozen blocks kept their weights and their statistics"


def test_freezing_everything_is_refused() -> None:
    names = [name for name, child in network(1).named_children() if list(child.parameters())]
    with pytest.raises(BadInput, match=rf"leaves nothing to train: .* choose at most {len(names) - 1}"):
        transfer(network(0), network(1), freeze=len(names))
    assert len(first(network(1), len(names) - 1).by_name) < len(list(network(1).parameters()))


@pytest.mark.parametrize("then", ["train", "fine_tune", "distill", "magnitude_pruning"])
def test_what_may_follow(then: str) -> None:
    stages = [registry.parse("techniques", {"name": name}) for name in ("transfer", then)]
    check_order(stages, NETWORK)


def test_a_masked_network_takes_no_weights() -> None:
    names = ("train", "magnitude_pruning", "transfer")
    with pytest.raises(ValueError, match=r"recipe.2: transfer needs a model that is dense; put it before magnitude"):
        check_order([registry.parse("techniques", {"name": name}) for name in names], NETWORK)


def test_a_source_may_know_other_classes_and_a_teacher_may_not() -> None:
    source, teacher = (registry.parse("techniques", {"name": name}) for name in ("transfer", "distill"))
    walk.check_teacher(source, 0, ((3, 32, 32), 10), ((1, 28, 28), 5))
    with pytest.raises(BadInput, match=r"recipe.0.teacher.dataset"):
        walk.check_teacher(teacher, 0, ((3, 32, 32), 10), ((1, 28, 28), 5))


def test_a_run_starts_from_another_one() -> None:
    small = {"name": "mlp_student"}
    wanted = spec.check(
        {
            "dataset": {"name": "digits"},
            "model": small,
            "recipe": [
                {
                    "name": "transfer",
                    "source": {"model": small, "recipe": [{"name": "train", "epochs": 2}]},
                    "freeze": 1,
                },
                {"name": "fine_tune", "epochs": 1},
            ],
            "measurement": {"profile": "none"},
        }
    )
    record = run.execute(wanted)
    assert record.status == "succeeded"
    source, tuned = record.stages
    assert source.teacher[0].name == "train" and source.teacher[0].accuracy_val == source.accuracy_val > 0.5
    assert tuned.accuracy_val > 0.5 and record.energy_train_j > source.energy_j
