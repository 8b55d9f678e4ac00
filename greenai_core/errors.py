"""The two ways in which a command can end badly, and how each is said.

Every error that a person can cause or mend is one of these, and its text is one sentence that names the field or
file and the way out. Anything else that is raised is a defect and keeps its traceback.
"""

from __future__ import annotations


class BadInput(ValueError):
    """What was asked for cannot be done as asked; exit code 2."""


class ReadOnly(BadInput):
    """This caller may look, but not launch, cancel or delete."""


class RunFailed(RuntimeError):
    """The run was well formed and failed while it ran; exit code 1."""


class Cancelled(Exception):
    """Somebody asked for this run to stop."""
