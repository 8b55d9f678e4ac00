"""What the stages of a run cost the run itself, and what the prefix cache spared it: a few numbers beside a record.

The stages of a record are long (windows, curves, teachers); of very many records nobody can read them all to add up
joules. So this is worked out when a record is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TEACHER = "teacher: "
"""Stands before the name of a teacher's stage."""

Stage = Mapping[str, Any]


def outlay(stages: str) -> str:
    """Return ``{"ran": [[stage, joules], ...], "cached": [[stage, kind, joules], ...]}`` as JSON text.

    ran: every stage, teachers' included, that the run carried out, ended or not, at what it cost this run: what an
    earlier attempt had spent on it was spent by that attempt. cached: every stage that was taken from the prefix cache,
    at what it cost when it ran, with how those joules were obtained (null: not stored); each once, and none that the
    run had carried out itself before it took it again. Joules that are unknown are null.

    Args:
        stages: `greenai_core.record.Record.stages` as JSON text.
    """
    parts = list(_parts(json.loads(stages)))
    made = {part["key"] for _, part in parts if not part["cached"]}
    taken = {part["key"]: (name, part) for name, part in parts if part["cached"] and part["key"] not in made}
    return json.dumps(
        {
            "ran": [[name, _own_j(part)] for name, part in parts if not part["cached"]],
            "cached": [[name, part["window"].get("kind"), part["energy_j"]] for name, part in taken.values()],
        }
    )


def _parts(stages: Sequence[Stage], role: str = "") -> Iterator[tuple[str, Stage]]:
    """Yield each stage by its name, followed by those of its teachers."""
    for stage in stages:
        yield f"{role}{stage['name']}", stage
        yield from _parts(stage.get("teacher", ()), TEACHER)


def _own_j(stage: Stage) -> float | None:
    earlier = (stage.get("resumed") or {"energy_j": 0.0})["energy_j"]
    return None if stage["energy_j"] is None or earlier is None else stage["energy_j"] - earlier
