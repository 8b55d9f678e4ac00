"""torchvision imports beside this torch, whatever it was built against."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import torch
{before}
from greenai_core.torchvision_import import import_torchvision, _declared
torchvision = import_torchvision()
assert import_torchvision() is torchvision
from torchvision import datasets, models, transforms
assert models.mobilenet_v3_small(weights=None).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)
print(len(_declared))
"""
DECLARE = """
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def run(before: str) -> int:
    code = CODE.format(before=before)
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def test_models_and_data_sets_are_usable() -> None:
    assert run("") in {0, 1}


def test_nothing_is_declared_where_the_operators_are_there() -> None:
    assert run(DECLARE) == 0
