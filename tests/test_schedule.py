"""Learning rates, and layers that learn no more."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from greenai_core.constraints.frozen import holding
from greenai_core.errors import BadInput
from greenai_core.schedule import Schedule, one_cycle

STEPS = 100


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 3)
    )


def optimizer(schedule: Schedule) -> torch.optim.Optimizer:
    return torch.optim.AdamW(schedule.groups)


def learning(model: nn.Sequential) -> list[int]:
    """The places of the layers that learn."""
    return [
        place
        for place, layer in enumerate(model)
        if next(layer.parameters(), None) is not None and all(p.requires_grad for p in layer.parameters())
    ]


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing() -> None:
    rates = [one_cycle(step, 100, 0.5) for step in range(100)]
    assert max(rates) == pytest.approx(0.5)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.01
    assert one_cycle(0, 1, 0.5) == pytest.approx(0.5)


def test_without_freezing_there_is_one_group_of_all_parameters_in_their_order() -> None:
    model = network()
    (group,) = Schedule(model, STEPS, 0.5, 1.0).groups
    assert [id(parameter) for parameter in group["params"]] == [id(parameter) for parameter in model.parameters()]


def test_layers_learn_no_more_one_after_the_other_and_what_is_behind_the_convolutions_to_the_end() -> None:
    model = network()
    schedule = Schedule(model, STEPS, 0.5, 0.4)
    adam = optimizer(schedule)
    seen = {}
    with schedule:
        for step in range(STEPS):
            assert schedule.set(adam, step) == one_cycle(step, STEPS, 0.5) == schedule.at(step)
            seen.setdefault(tuple(learning(model)), step)
        model.train()
        assert not model[0].training and not model[1].training and model[5].training
    assert seen == {(0, 1, 2, 4, 5): 0, (1, 2, 4, 5): 40, (2, 4, 5): 60, (4, 5): 80}
    assert learning(model) == [0, 1, 2, 4, 5]
    assert all(layer.training for layer in model.train())


@pytest.mark.parametrize(
    "model", [nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)), nn.Sequential(*network()[:3])]
)
def test_the_last_layer_learns_to_the_end_whatever_it_is(model: nn.Sequential) -> None:
    schedule = Schedule(model, STEPS, 0.5, 0.1)
    with schedule:
        schedule.set(optimizer(schedule), STEPS - 1)
        assert learning(model) == [2]


def test_a_single_layer_that_learns_cannot_be_frozen_on_the_way() -> None:
    model = network()
    for layer in model[:5]:
        layer.requires_grad_(False)
    with pytest.raises(BadInput, match=r"freeze_out needs .* set it to 1"):
        Schedule(model, STEPS, 0.5, 0.4)
    assert len(Schedule(model, STEPS, 0.5, 1.0).groups) == 1


def test_a_layer_with_gates_is_one_layer() -> None:
    model = network()
    parametrize.register_parametrization(model[0], "weight", nn.Conv2d(1, 1, 1), unsafe=True)
    schedule = Schedule(model, STEPS, 0.5, 0.4)
    with schedule:
        schedule.set(optimizer(schedule), 79)
        assert not any(parameter.requires_grad for parameter in model[0].parameters())
        assert learning(model) == [2, 4, 5]


def test_no_layer_stays_as_it_began() -> None:
    model = network()
    schedule = Schedule(model, 4, 0.5, 0.01)
    with schedule:
        schedule.set(optimizer(schedule), 0)
        assert learning(model) == [0, 1, 2, 4, 5]


def test_each_layer_has_a_cycle_that_ends_where_it_is_frozen() -> None:
    schedule = Schedule(network(), STEPS, 0.5, 0.4)
    adam = optimizer(schedule)
    rates = []
    for step in range(STEPS):
        schedule.set(adam, step)
        rates.append([group["lr"] for group in adam.param_groups])
    for place, end in enumerate((40, 60, 80, 100)):
        one = [rate[place] for rate in rates]
        assert one[:end] == [one_cycle(step, end, 0.5) for step in range(end)]
        assert one[end:] == pytest.approx([0.0] * (STEPS - end))


def test_what_is_frozen_keeps_weights_and_statistics_and_spares_its_part_of_the_backward_pass() -> None:
    model = network()
    schedule = Schedule(model, STEPS, 0.5, 0.4)
    adam = optimizer(schedule)
    images = torch.randn(8, 1, 8, 8)

    def work(step: int) -> int:
        adam.zero_grad(set_to_none=True)
        schedule.set(adam, step)
        with FlopCounterMode(display=False) as counter:
            model.train()(images).square().mean().backward()
        adam.step()
        return counter.get_total_flops()

    first, second, linear = (2 * 8 * macs for macs in (6 * 6 * 4 * 9, 4 * 4 * 4 * 4 * 9, 64 * 8 + 8 * 3))
    with schedule:
        assert work(0) == 3 * (first + second + linear) - first  # nobody asks for the gradient of the images
        work(39)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert work(60) == first + 2 * second + 3 * linear
        after = model.state_dict()
        changed = {name.partition(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"2", "4", "5"}


def test_what_is_held_already_stays_held_and_is_not_waited_for() -> None:
    model = network()
    with holding([model[0]]):
        schedule = Schedule(model, STEPS, 0.5, 0.4)
        adam = optimizer(schedule)
        with schedule:
            schedule.set(adam, 39)
            assert learning(model) == [1, 2, 4, 5]
            schedule.set(adam, 40)
            assert learning(model) == [2, 4, 5]
        assert learning(model) == [1, 2, 4, 5]
    assert learning(model) == [0, 1, 2, 4, 5]
