"""What is slow the first time, done before anything is measured; else the first stage would be charged for it."""

from __future__ import annotations

import threading
from contextlib import suppress

from greenai_core.errors import BadInput
from greenai_core.quiet_waiting import wait_quietly


def everything() -> None:
    """Import what a run needs and let it settle; does nothing much the second time."""
    wait_quietly()
    # codecarbon looks at the hardware for more than a second, and mostly sleeps: meanwhile torch is loaded.
    looking = threading.Thread(target=_look_at_the_hardware)
    looking.start()
    import torch

    from greenai_core import run  # noqa: F401

    weights = torch.zeros(4, 1, 3, 3, requires_grad=True)
    optimizer = torch.optim.AdamW([weights], fused=True)  # the first optimizer imports torch._dynamo
    torch.nn.functional.conv2d(torch.zeros(8, 1, 28, 28), weights).sum().backward()
    optimizer.step()

    looking.join()


def _look_at_the_hardware() -> None:
    from greenai_core.energy.meter import EnergyMeter

    with suppress(BadInput):  # a setting that is refused: the run that meets it will say so
        EnergyMeter.from_settings().warm_up()
