"""What the runs really did, line by line, written before they tell anybody: the store is held against it.

A line is one write of the operating system, so that a process which is killed afterwards has written it, and two
processes never mix theirs. Times are those of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = "GREENAI_FAULTS_FOLDER"
"""Environment variable with the folder of a test's faults."""


def folder() -> Path:
    return Path(os.environ[FOLDER])


def write(what: str, **values: Any) -> None:
    line = json.dumps({"what": what, "pid": os.getpid(), "at": time.monotonic(), **values}) + "\n"
    file = os.open(folder() / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def lines(what: str | None = None) -> list[dict[str, Any]]:
    try:
        text = (folder() / "ledger").read_text()
    except FileNotFoundError:
        return []
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if what is None or line["what"] == what]


@dataclass
class Run:
    """One run of an attempt: from `began` until at least `seen`; `kept_j` is the last that was stored for certain."""

    id: str
    token: str
    host: str
    began: float
    seen: float
    spent_j: float = 0.0
    kept_j: float = 0.0
    processes: set[int] = field(default_factory=set)


def runs() -> dict[str, Run]:
    """Return every run that began, by its id."""
    found: dict[str, Run] = {}
    for line in lines():
        if line["what"] == "start":
            found[line["run"]] = Run(line["run"], line["token"], line["host"], line["at"], line["at"])
        run = found.get(line.get("run", ""))
        if run is None:
            continue
        run.processes.add(line["pid"])
        if line["what"] == "kept":
            run.kept_j = line["joules"]
        else:
            run.seen = line["at"]
            run.spent_j += line.get("joules", 0.0)
    return found
