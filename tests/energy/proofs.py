"""What an honest meter shows and a guess does not; each proof runs in a process of its own.

    python -m tests.energy.proofs PROOF METER

prints the proof's ratios as JSON. Conditions that are compared are measured in turn, many times, and the median of
the paired ratios counts: the pace of a virtual processor changes from one half second to the next. Neighbours are
stopped and continued between the turns. They and the work share one core, where a neighbour's time can be told from
one's own; on the other thread of the same core a neighbour slows the work itself, which no clock of the system tells.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from greenai_core.quiet_waiting import wait_quietly

wait_quietly()  # before torch is imported, as in every worker

from greenai_core.energy.meter import EnergyMeter  # noqa: E402
from tests.energy.meters import METERS  # noqa: E402
from tests.energy.workload import a_size, start_neighbour, work  # noqa: E402

TURNS = 11
TURNS_OF_THREADS = 31  # more, as threads wait for each other and their ratios vary more
NEIGHBOURS = 3

Work = Callable[[], object]

LIMITS: dict[str, tuple[float, float]] = {
    "doubled": (1.8, 2.2),
    "beside": (0.9, 1.1),
    "beside, two threads": (0.9, 1.1),
    "asleep": (-0.02, 0.02),
    "children": (0.75, 1.25),
    "two workers": (0.9, 1.1),
    "ranked": (1.0, 1.0),
}
"""Between which values each ratio must lie."""


def doubled(meter: EnergyMeter) -> dict[str, float]:
    """Twice the work against once the work; sleeping against working."""
    size = a_size()
    once, twice = lambda: work(size), lambda: work(2 * size)
    working = _joules(meter, once)
    asleep = _joules(meter, lambda: time.sleep(0.4))
    return {"doubled": _paired(meter, twice, once), "asleep": asleep / working}


def beside(meter: EnergyMeter) -> dict[str, float]:
    """The same work with and without busy neighbours, on one thread and on two."""
    size = a_size() // 2
    one = lambda: work(size)  # noqa: E731
    with _on_one_core(), _neighbours() as busy:
        alone_or_not = _turns(meter, busy, one)
    with _neighbours() as busy:
        return {"beside": alone_or_not, "beside, two threads": _turns(meter, busy, _two_threads(), TURNS_OF_THREADS)}


def children(meter: EnergyMeter) -> dict[str, float]:
    """Work of two child processes at once against as much of our own; and a worker beside a second one."""
    size = a_size()
    in_children = lambda: _forked(lambda: work(size), 2)  # noqa: E731
    ours = lambda: work(2 * size)  # noqa: E731
    with _on_one_core(), _neighbours(1) as second:
        return {"children": _paired(meter, in_children, ours), "two workers": _turns(meter, second, lambda: work(size))}


def ranked(meter: EnergyMeter) -> dict[str, float]:
    """How many of five times a small, a medium and a large convolution network are ranked so, by joules per sample.

    Neighbours are busy while the small and the medium one are measured, as happens to whoever measures one by one.
    """
    networks = [_network(width) for width in (16, 24, 36)]
    with _on_one_core(), _neighbours() as busy:
        return {"ranked": sum(_in_order(meter, busy, networks) for _ in range(5)) / 5}


def _in_order(meter: EnergyMeter, busy: Neighbours, networks: Sequence[Work]) -> bool:
    small, medium, large = networks
    busy.go_on()
    figures = [_joules(meter, small), _joules(meter, medium)]
    busy.stop()
    figures.append(_joules(meter, large))
    return figures == sorted(figures)


def _joules(meter: EnergyMeter, fn: Work) -> float:
    with meter.window("proof", cross_check=False) as opened:
        fn()
    assert opened.closed.net_j is not None
    return opened.closed.net_j


def _paired(meter: EnergyMeter, first: Work, second: Work) -> float:
    return statistics.median(_joules(meter, first) / _joules(meter, second) for _ in range(TURNS))


def _turns(meter: EnergyMeter, busy: Neighbours, fn: Work, turns: int = TURNS) -> float:
    """Return joules of `fn` beside the neighbours over its joules without them.

    In each turn it runs alone before and after, so that a machine that gets slower favours neither.
    """

    def together() -> float:
        busy.go_on()
        joules = _joules(meter, fn)
        busy.stop()
        return joules

    def turn() -> float:
        before, beside, after = _joules(meter, fn), together() + together(), _joules(meter, fn)
        return beside / (before + after)

    fn()
    return statistics.median(turn() for _ in range(turns))


class Neighbours:
    """Busy processes that are not of our tree."""

    def __init__(self, count: int) -> None:
        self._pids = [start_neighbour() for _ in range(count)]
        self.stop()

    def go_on(self) -> None:
        self._tell(signal.SIGCONT)
        time.sleep(0.02)  # until they are at it

    def stop(self) -> None:
        self._tell(signal.SIGSTOP)

    def end(self) -> None:
        self._tell(signal.SIGKILL)

    def _tell(self, what: signal.Signals) -> None:
        for pid in self._pids:
            os.kill(pid, what)


@contextmanager
def _neighbours(count: int = NEIGHBOURS) -> Iterator[Neighbours]:
    found = Neighbours(count)
    try:
        yield found
    finally:
        found.end()


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Keep this process, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _forked(fn: Work, count: int) -> None:
    pids = []
    for _ in range(count):
        if (pid := os.fork()) == 0:
            fn()
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)


def _two_threads() -> Work:
    import torch

    torch.set_num_threads(2)
    side = random.SystemRandom().randint(200, 300)  # both matrices in a core's own cache, whoever runs in between
    left, right = torch.rand(side, side), torch.rand(side, side)
    return lambda: [torch.mm(left, right) for _ in range(100)]


def _network(width: int) -> Work:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    network = nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Conv2d(width, width, 3), nn.ReLU()).eval()
    images = torch.rand(8, 1, 28, 28)

    def predict() -> None:
        with torch.inference_mode():
            for _ in range(60):
                network(images)

    predict()
    return predict


PROOFS = {"doubled": doubled, "beside": beside, "children": children, "ranked": ranked}

if __name__ == "__main__":
    print(json.dumps(PROOFS[sys.argv[1]](METERS[sys.argv[2]]())))
