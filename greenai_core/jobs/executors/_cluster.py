"""A Ray cluster as its Jobs API shows it over HTTP; this process never becomes a part of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from greenai_core.errors import BadInput

if TYPE_CHECKING:
    from ray.job_submission import JobDetails

SLOT = "energy_slot"
"""The resource of a node that an attempt takes one of, so that it is alone there."""

ENTRY_POINT = "python -m greenai_core.jobs.executors.node"

_TIMEOUT_S = 10
_MOST_NODES = 10_000
_MARK = "greenai_job"
_LONGEST_REASON = 200


def require_ray() -> None:
    """Do nothing where a cluster can be asked.

    Raises:
        BadInput: Ray is not installed.
    """
    try:
        import ray.job_submission  # noqa: F401
    except ImportError as error:
        raise BadInput(
            f"GREENAI_EXECUTOR: ray cannot be loaded ({error}); pip install -r requirements-cluster.txt."
        ) from None


@dataclass(frozen=True)
class Seen:
    """A job of Ray that makes an attempt; where it is over, `problem` is a sentence unless it ended by itself."""

    state: Literal["pending", "running", "over"]
    problem: str | None = None


class Cluster:
    """The head of a cluster. Every call may raise whatever the client raises, and may take as long as the head likes.

    Nothing is deleted there: Ray still watches a job that has just ended, and puts it back as one that failed.

    Args:
        address: URL of the head's dashboard.
    """

    def __init__(self, address: str) -> None:
        from ray.job_submission import JobSubmissionClient
        from ray.util.state import list_nodes

        self._address = address
        self._list_nodes = list_nodes
        self._client = JobSubmissionClient(address)

    def attempts(self) -> Mapping[str, Seen]:
        """Return every attempt that the cluster knows, by its token, whoever submitted it."""
        jobs = [job for job in self._client.list_jobs() if job.submission_id and _MARK in (job.metadata or {})]
        return {str(job.submission_id): _seen(job) for job in jobs}

    def slots(self) -> int:
        """Return how many attempts the nodes that live have room for, taken or not."""
        # A filter there makes the client raise once a node has died: it takes the dead ones for a part cut off.
        nodes = self._list_nodes(address=self._address, limit=_MOST_NODES, timeout=_TIMEOUT_S)
        return sum(int((node.resources_total or {}).get(SLOT, 0)) for node in nodes if node.state == "ALIVE")

    def submit(self, token: str, job_id: str) -> None:
        """Have an attempt begin on some node. A token is refused the second time.

        The node is told the token alone, and reads the rest from the store: its address, which may hold a password,
        stays in the environment of the nodes, while what Ray is given is shown to whoever may see its dashboard.
        """
        self._client.submit_job(
            entrypoint=f"{ENTRY_POINT} {token}",
            submission_id=token,
            entrypoint_resources={SLOT: 1},
            metadata={_MARK: job_id},
        )

    def stop(self, token: str) -> None:
        """End an attempt: SIGTERM, and SIGKILL three seconds later. One that is pending ends when its turn comes."""
        self._client.stop_job(token)


def _seen(job: JobDetails) -> Seen:
    match str(job.status.value):
        case "PENDING":
            return Seen("pending")
        case "RUNNING":
            return Seen("running")
        case "SUCCEEDED":
            return Seen("over")
        case "STOPPED":
            return Seen("over", "it was stopped")
        case _:
            return Seen("over", _problem(job.driver_exit_code, job.message or ""))


def _problem(exit_code: int | None, message: str) -> str:
    """Return one sentence: how the process ended and what it said last, or what became of its node."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if exit_code is None:
        said = lines[0] if lines else "Ray gives no reason"
        return f"its node or its supervisor there is gone ({said[:_LONGEST_REASON].rstrip('.')})"
    last = f": {lines[-1][:_LONGEST_REASON]}" if exit_code < 128 and len(lines) > 1 else ""  # killed: says nothing
    return f"its process ended with exit code {exit_code}{last}"
