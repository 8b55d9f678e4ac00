"""MobileNetV3-Small on small images."""

from __future__ import annotations

import torch

from greenai_core import registry


def test_statistics_settle_within_a_short_training() -> None:
    """After a few dozen steps, evaluation must use the statistics that training saw."""
    torch.manual_seed(0)
    model = registry.parse("models", {"name": "mobilenet_v3_small", "width": 0.5})((1, 28, 28), 10).train()
    convolution, norm = model.features[0][0], model.features[0][1]
    images = torch.randn(8, 1, 28, 28) * 3 + 5
    with torch.no_grad():
        for _ in range(40):
            model(images)
        seen = convolution(images)
    assert torch.allclose(norm.running_mean, seen.mean((0, 2, 3)), rtol=0.05, atol=0.01)
    assert torch.allclose(norm.running_var, seen.var((0, 2, 3)), rtol=0.05, atol=0.05)


def test_small_images_keep_their_resolution_and_width_scales() -> None:
    narrow, plain = (
        registry.parse("models", {"name": "mobilenet_v3_small", "width": width})((3, 32, 32), 5) for width in (0.5, 1.0)
    )
    assert plain.features[0](torch.zeros(1, 3, 32, 32)).shape[-2:] == (32, 32)
    assert sum(p.numel() for p in narrow.parameters()) < 0.5 * sum(p.numel() for p in plain.parameters())
    large = registry.parse("models", {"name": "mobilenet_v3_small"})((3, 64, 64), 5)
    assert large.features[0](torch.zeros(1, 3, 64, 64)).shape[-2:] == (32, 32)
