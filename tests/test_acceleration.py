"""What makes training fast leaves the mathematics and the model as they were."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from greenai_core import acceleration, metrics, registry

CPU = torch.device("cpu")


def model(name: str) -> nn.Module:
    return registry.parse("models", {"name": name})((1, 28, 28), 10)


@pytest.mark.parametrize("p", [0.015625, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_drops_the_share_and_keeps_the_mean(p: float, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    dropout = nn.Sequential(nn.Dropout(p)).train()
    ones = torch.ones(64, 16, 12, 13).to(memory_format=layout)
    with acceleration.lean(dropout):
        out = dropout(ones)
    deviation = (p * (1 - p) / ones.numel()) ** 0.5
    assert abs(float((out == 0).float().mean()) - p) < 5 * deviation
    assert out[out != 0].unique().numel() == 1
    assert float(out.max()) == pytest.approx(1 / (1 - p), rel=1e-4)
    # Neither a place nor a channel is favoured: each position is dropped as often as any other.
    by_position = (out == 0).float().mean((0, 1))
    assert (by_position - p).abs().max() < 6 * (p * (1 - p) / (64 * 16)) ** 0.5


def test_gradients_are_those_of_the_plain_network() -> None:
    torch.manual_seed(0)
    network = model("mnist_cnn").to(memory_format=torch.channels_last).eval()  # eval: no dropout
    images = torch.randn(8, 1, 28, 28).to(memory_format=torch.channels_last)

    def gradients() -> list[torch.Tensor]:
        network.zero_grad()
        network(images).square().sum().backward()
        return [parameter.grad.clone() for parameter in network.parameters()]

    plain = gradients()
    with acceleration.lean(network):
        lean = gradients()
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(plain, lean, strict=True))


def test_nothing_stays_on_the_model() -> None:
    network = model("mnist_cnn")
    with pytest.raises(KeyError), acceleration.lean(network):
        raise KeyError
    for module in network.modules():
        assert "forward" not in vars(module)
        assert not module._forward_pre_hooks


def test_precision_follows_the_network_and_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for computes, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(acceleration, "computes_bf16", lambda device, computes=computes: computes)
        assert acceleration.resolve_precision("auto", CPU, model("mnist_cnn")) == expected
        assert acceleration.resolve_precision("auto", CPU, model("mlp_student")) == "fp32"
        assert acceleration.resolve_precision("auto", CPU, model("mobilenet_v3_small")) == "fp32"
        assert acceleration.resolve_precision("bf16", CPU, model("mlp_student")) == "bf16"


def test_a_small_step_has_one_thread_and_a_large_one_all_of_them() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for name, threads in (("mlp_student", 1), ("lenet5", 1), ("mnist_cnn", 2)):
            with acceleration.threads_for(metrics.macs(model(name), (1, 28, 28)), 64):
                assert torch.get_num_threads() == threads
            assert torch.get_num_threads() == 2
        with acceleration.threads_for(None, 64):  # a model whose products nobody can count
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["mnist_cnn", "mlp_student"])
def test_a_network_says_the_same_in_the_layout_and_precision_that_pay(name: str) -> None:
    torch.manual_seed(0)
    network, images = model(name).eval(), torch.randn(32, 1, 28, 28)
    with torch.no_grad():
        exact = network(images)
        said = acceleration.forward(acceleration.laid_out(network), images)
    assert said.dtype == torch.float32
    assert float((said - exact).abs().max()) < 0.02 * float(exact.abs().max())  # bfloat16 has 8 bits
