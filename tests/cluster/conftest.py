"""A cluster for the tests that are marked so: a PostgreSQL server, two Ray nodes, and a dispatcher."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenai_core.jobs import queue
from greenai_core.jobs.access import Access
from greenai_core.jobs.states import LIVE
from tests import postgres
from tests.cluster.nodes import ROOT, Nodes, until

LEASE_S = 6.0


@dataclass(frozen=True)
class Cluster:
    """What every test of a module shares."""

    nodes: Nodes
    settings: dict[str, str]


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("ray")
    folder = tmp_path_factory.mktemp("cluster")
    try:
        server = postgres.Server()
    except postgres.NoServer as error:
        if os.environ.get("GREENAI_TEST_REQUIRE_POSTGRES") == "1":
            raise
        pytest.skip(str(error))
    with ExitStack() as stack:
        settings = {
            "GREENAI_DATABASE_URL": stack.enter_context(server).empty(),
            "GREENAI_ARTIFACTS": f"file://{folder / 'artifacts'}",
            "GREENAI_DATA_DIR": str(folder / "data"),
            "GREENAI_BANK": str(folder / "bank"),
            "GREENAI_POWERCAP_ROOT": str(folder / "powercap"),
        }
        nodes = stack.enter_context(Nodes(settings))
        yield Cluster(nodes, settings)


Dispatch = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def cluster(shared_cluster: Cluster, own_store: Path, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """The nodes; this process uses their store and is a client of theirs."""
    ours = {"GREENAI_EXECUTOR": "ray", "GREENAI_RAY_ADDRESS": shared_cluster.nodes.address}
    for name, value in {**shared_cluster.settings, **shared_cluster.nodes.client, **ours}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(queue, "ensure_supervisor", lambda: None)
    return shared_cluster.nodes


@pytest.fixture
def dispatch(cluster: Nodes) -> Iterator[Dispatch]:
    """Start a dispatcher; at the end every job has ended, and so has the dispatcher."""
    started: list[subprocess.Popen[bytes]] = []

    def one() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-m", "tests.cluster.dispatch", str(LEASE_S)], cwd=ROOT))
        return started[-1]

    yield one
    try:
        queue.cancel_all(Access.local())
        until(lambda: not [job for job in queue.jobs() if job.state in LIVE])
    finally:
        for process in started:
            process.kill()
            process.wait()
