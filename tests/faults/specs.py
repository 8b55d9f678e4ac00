"""Specs that build on each other, and which job they wait for."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from greenai_core.spec import Spec, check
from greenai_core.store.database import reading
from greenai_core.store.schema import dependency, job


def a_sweep(runs: int) -> list[Spec]:
    """Students of one teacher, at several temperatures."""
    teacher = {"model": {"name": "mnist_cnn"}, "recipe": [{"name": "train", "epochs": 3}]}
    return [_student(teacher, 2.0 + number) for number in range(runs)]


def _student(teacher: dict[str, Any], temperature: float) -> Spec:
    stage = {"name": "distill", "temperature": temperature, "epochs": 2, "teacher": teacher}
    return check({"dataset": {"name": "digits"}, "model": {"name": "mlp_student"}, "recipe": [stage]})


def shared_by(id: str) -> str:
    """Return the only job that a job rests on."""
    with reading() as connection:
        return connection.execute(sa.select(dependency.c.needs).where(dependency.c.job_id == id)).scalar_one()


def spec_id_of(id: str) -> str:
    with reading() as connection:
        return check(json.loads(connection.execute(sa.select(job.c.spec).where(job.c.id == id)).scalar_one())).spec_id
