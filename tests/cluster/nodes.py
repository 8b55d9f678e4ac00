"""Two Ray nodes on this machine, each with a name, a slot and processes of its own, and what may happen to them."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
RAY = (sys.executable, str(Path(__file__).with_name("loopback_ray.py")))
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray listens on the loopback alone then."""

PATIENCE_S = 150.0
"""Ray takes up to 20 s to see that a node was killed, and a machine under load takes its time."""

_MARK = "GREENAI_TEST_CLUSTER"


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it did not become true")
        time.sleep(0.1)


class Nodes:
    """A context, after which no process is left. Nodes get `environment` and take jobs at `address`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._mark = secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="rt-"))  # short: Ray puts sockets into it
        self._port, dashboard, self._client_port, *agents = _free_ports(5)
        self._agent_ports = dict(zip(("head", "second"), agents, strict=True))
        self.address = f"http://127.0.0.1:{dashboard}"
        self.token = secrets.token_hex(32)
        self.names = {role: f"{role}-{self._mark}" for role in ("head", "second")}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.client = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        self._environment = {**os.environ, **environment, **self.client, **LOOPBACK, "PATH": path, _MARK: self._mark}
        self._starts = 0

    def __enter__(self) -> Nodes:
        try:
            self.start("head")
            self.start("second")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():  # a process that is frozen cannot leave when its node does
            with suppress(psutil.Error):
                process.resume()
        for role in reversed(self.names):
            self.kill(role)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self, role: str) -> None:
        """Return when the node has a slot to give."""
        self._starts += 1
        common = ["--node-ip-address=127.0.0.1", f"--temp-dir={self._folder / str(self._starts)}", "--num-cpus=1"]
        common += ['--resources={"energy_slot": 1}', "--object-store-memory=80000000", "--disable-usage-stats"]
        common += [f"--dashboard-agent-listen-port={self._agent_ports[role]}"]
        if role == "head":
            place = ["--head", f"--port={self._port}", "--dashboard-host=127.0.0.1"]
            place += [f"--dashboard-port={self.address.rpartition(':')[2]}"]
            place += [f"--ray-client-server-port={self._client_port}"]
        else:
            place = [f"--address=127.0.0.1:{self._port}"]
        with (self._folder / f"{role}.log").open("ab") as log:  # a pipe would stay open as long as the node lives
            done = subprocess.run(
                [*RAY, "start", *place, *common],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**self._environment, "GREENAI_HOST_ID": self.names[role]},
                timeout=PATIENCE_S,
            )
        if done.returncode:
            raise RuntimeError((self._folder / f"{role}.log").read_text("utf-8"))

    def processes(self, role: str | None = None) -> list[psutil.Process]:
        """Return what runs on a node, or on both: what has its environment, and what such processes started."""
        found = [process for process in psutil.process_iter() if self._belongs(process, role)]
        every = {process.pid: process for process in found}
        for process in found:
            with suppress(psutil.Error):
                every |= {child.pid: child for child in process.children(recursive=True)}
        return list(every.values())

    def raylet(self, role: str) -> psutil.Process:
        (one,) = [process for process in self.processes(role) if process.name() == "raylet"]
        return one

    def attempts(self, role: str) -> list[psutil.Process]:
        """Return the processes that make an attempt there."""
        return [process for process in self.processes(role) if _is_attempt(process)]

    def kill(self, role: str) -> None:
        """End all that runs on a node."""
        gone: list[psutil.Process] = []
        while found := [process for process in self.processes(role) if process not in gone or alive(process)]:
            for process in found:
                with suppress(psutil.Error):
                    process.kill()
            gone += found
            psutil.wait_procs(found, timeout=5)

    @contextmanager
    def frozen(self, role: str) -> Iterator[None]:
        """Stop all that runs on a node for a while."""
        processes = self.processes(role)
        for process in processes:
            with suppress(psutil.Error):
                process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with suppress(psutil.Error):
                    process.resume()

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Ray's own."""
        full = {**self._environment, **environment}
        address = f"--address=127.0.0.1:{self._port}"
        return subprocess.run([*RAY, *command, address], env=full, capture_output=True, text=True, timeout=PATIENCE_S)

    def _belongs(self, process: psutil.Process, role: str | None) -> bool:
        try:
            environment = process.environ()
        except psutil.Error:
            return False
        ours = environment.get(_MARK) == self._mark
        return ours and role in (None, environment.get("GREENAI_HOST_ID", "").partition("-")[0])


def alive(process: psutil.Process) -> bool:
    """Tell whether a process still does anything."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_attempt(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[1:3] == ["-m", "greenai_core.jobs.executors.node"]
    except psutil.Error:
        return False


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
