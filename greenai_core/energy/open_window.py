"""A window of work while it is being measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from greenai_core.energy import edge
from greenai_core.energy.accounting import FOREIGN_LIMIT, Account, account
from greenai_core.energy.carbon import CrossCheck
from greenai_core.energy.idle import IdleBaseline
from greenai_core.energy.sources._base import PowerSource, Reading
from greenai_core.energy.window import Status, Window


@dataclass(frozen=True)
class Basis:
    """What a window is measured with.

    Attributes:
        sources: one per component of the machine.
        name: of all of them.
        constants: that their joules are proportional to.
        constants_origin: who chose those, in words.
        idle: power of the idle machine; None where it is not known.
        exclusive: whether the leases of all that is counted are held.
    """

    sources: tuple[PowerSource, ...]
    name: str
    constants: Mapping[str, float]
    constants_origin: str
    idle: IdleBaseline | None
    exclusive: bool


class OpenWindow:
    """A window that is being measured; `closed` is the result."""

    def __init__(self, basis: Basis, label: str, phase: str, units: float | None, unit: str | None) -> None:
        self._basis = basis
        self._label, self._phase = label, phase
        self._units, self._unit, self._n_iter = units, unit, 1
        self._end: edge.Edge | None = None
        self._closed: Window | None = None
        self._started_at = datetime.now(UTC).isoformat()
        self._start = edge.opening(basis.sources)
        self._counted = [0.0 for _ in basis.sources]
        self._counted_until = self._start.readings

    def joules_so_far(self) -> float | None:
        """Return the net joules until now; cheap enough to ask several times a second.

        A counter that wraps round within minutes must be asked more often than that, or it loses a round.
        """
        end = edge.closing(self._basis.sources)
        return self._account(end, edge.between(self._start, end)).net_j

    def so_far(self) -> Window:
        """Return what an interruption at this moment would leave: a window with status aborted."""
        return self._window("aborted", edge.closing(self._basis.sources), None, {})

    def count(self, n_iter: int, units: float) -> None:
        """Say how often the work was repeated and how many units that made, where it is known only afterwards."""
        self._n_iter, self._units = n_iter, units

    def end(self) -> None:
        """Read the last edge: the work is done."""
        self._end = edge.closing(self._basis.sources)

    def close(self, status: Status, check: CrossCheck | None, notes: Mapping[str, str]) -> None:
        """Work out the result, of what had passed when the window ended.

        Args:
            status: how the work ended.
            check: codecarbon's opinion.
            notes: why something is unknown, by field.
        """
        end = self._end or edge.closing(self._basis.sources)
        self._closed = self._window(status, end, check, notes)

    @property
    def closed(self) -> Window:
        """The result, once the window is closed.

        Raises:
            RuntimeError: it is still open.
        """
        if self._closed is None:
            raise RuntimeError(f"the energy window {self._label!r} is still open")
        return self._closed

    def _count(self, readings: Sequence[Reading]) -> list[float | None]:
        """Add what each source counted since it was last asked; None for one that cannot say at this moment.

        Such a one is asked again from where it could: a reading that fails half-way costs nothing.
        """
        until = self._counted_until
        news = [s.joules(before, now) for s, before, now in zip(self._basis.sources, until, readings, strict=True)]
        self._counted = [sum + (joules or 0.0) for sum, joules in zip(self._counted, news, strict=True)]
        self._counted_until = tuple(
            before if joules is None else now for before, joules, now in zip(until, news, readings, strict=True)
        )
        return [None if joules is None else sum for sum, joules in zip(self._counted, news, strict=True)]

    def _account(self, end: edge.Edge, span: edge.Span, strangers: Sequence[str] = ()) -> Account:
        basis = self._basis
        counted = self._count(end.readings)
        return account(basis.sources, counted, span, idle=basis.idle, exclusive=basis.exclusive, strangers=strangers)

    def _window(self, status: Status, end: edge.Edge, check: CrossCheck | None, notes: Mapping[str, str]) -> Window:
        basis, span = self._basis, edge.between(self._start, end)
        found = self._account(end, span, [source.id for source in basis.sources if source.others()])
        return Window(
            label=self._label,
            phase=self._phase,
            started_at=self._started_at,
            status=status,
            exclusive=basis.exclusive,
            source=basis.name,
            scope="+".join(source.scope for source in basis.sources),
            **asdict(span),
            idle_age_s=None if basis.idle is None or found.idle_w is None else basis.idle.age_s,
            n_iter=self._n_iter,
            units=self._units,
            unit=self._unit,
            j_per_unit=found.net_j / self._units if found.net_j is not None and self._units else None,
            config={**basis.constants, "constants_origin": basis.constants_origin, "foreign_limit": FOREIGN_LIMIT},
            codecarbon=None if check is None else asdict(check),
            **{**vars(found), "notes": {**found.notes, **notes}},
        )
