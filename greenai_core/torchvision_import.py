"""Import torchvision beside any build of torch.

The torchvision of PyPI is compiled against a CUDA build of torch. Beside a CPU-only torch its compiled operators do not
load, and the import then fails on two operators (``nms``, ``qnms``) for which it registers shape rules without looking
whether they exist (https://github.com/pytorch/vision/issues/9085). Declaring the schemas of those two lets everything
else work: models, data sets and transforms need none of the compiled operators.
"""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType
from typing import Any

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []
"""The library that holds the schemas; they vanish when it is collected."""


@cache
def import_torchvision() -> ModuleType:
    """Return torchvision; call this before importing anything from it, or anything that imports it.

    Where its own operators load, this is a plain import. Where they do not, ``torchvision.ops.nms`` raises when it is
    called, with torchvision's own sentence.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: it is installed and fails to import for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    _declare_missing()
    return importlib.import_module("torchvision")


def _declare_missing() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _SCHEMA)
    _declared.append(library)
