"""What later training must keep: weights that stay zero, weights that are shared.

Each kind is a module of this package that bears its name. A constraint holds plain tensors, so that a checkpoint can
store it.
"""

from __future__ import annotations

from importlib import import_module

from greenai_core.constraints._base import Constraint
from greenai_core.constraints.codebook import Codebook
from greenai_core.constraints.hashed import Hashed
from greenai_core.constraints.mask import Mask

__all__ = ["Codebook", "Constraint", "Hashed", "Mask", "of_kind"]


def of_kind(kind: str) -> type[Constraint]:
    """Return the class of a kind.

    Raises:
        ModuleNotFoundError: there is none.
    """
    module = import_module(f"{__name__}.{kind}")
    (name,) = module.__all__
    found: type[Constraint] = getattr(module, name)
    return found
