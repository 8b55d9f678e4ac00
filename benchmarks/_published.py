"""The pruning table as others made it: trained for ten epochs, cut, and each of the cut networks trained for ten more.

A process of its own, for it keeps no memory between steps, which is ours (`greenai_core.quiet_waiting`). Threads that
wait sleep here as well, although PyTorch lets them spin unless it is told not to: that would be counted as work.

    python -m benchmarks._published EPOCHS < SPECS

reads the specs of the cut networks as JSON, which say how much is cut, and prints the CPU-seconds that it took. Imports
do not count.
"""

from __future__ import annotations

import os

from greenai_core.quiet_waiting import ENVIRONMENT

os.environ.update(ENVIRONMENT)  # torch reads it when it is imported

import copy
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks import _textbook
from greenai_core.candidate import Candidate
from greenai_core.registry import parse
from greenai_core.spec import Spec, check
from greenai_core.torchvision_import import import_torchvision
from greenai_core.untrained import applied


def made(specs: Sequence[Spec], epochs: int) -> None:
    """Train, cut and train again as others did."""
    splits = _textbook.fashion_mnist()
    images = _textbook.torchvision_data(splits)
    torch.manual_seed(specs[0].seed)
    built: Any = parse("models", {"name": "mnist_cnn"})
    dense = _textbook.train(built(splits.input_shape, len(splits.classes)), images, epochs)
    for spec in specs:
        for stage in spec.recipe:
            if stage.name == "l1_channel_pruning":
                cut = applied(stage, Candidate(copy.deepcopy(dense)), splits.input_shape, len(splits.classes))
                _textbook.train(cut.model, images, epochs)


if __name__ == "__main__":
    found = [check(document) for document in json.load(sys.stdin)]
    import_torchvision()
    torch.optim.Adam([torch.zeros(1)])  # the first one imports for seconds
    before = time.process_time()
    made(found, int(sys.argv[1]))
    print(time.process_time() - before)
