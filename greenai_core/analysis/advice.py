"""What to say of a recommendation: why it is taken, what it gives up, or which limit leaves nothing to take."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from greenai_core import units
from greenai_core.analysis.choice import Extreme, Limits, Recommendation, beyond, judged_by
from greenai_core.analysis.figures import Figure, figure, sign
from greenai_core.analysis.pareto import CHOSEN_BY, Front

NEARLY = 1.1
"""Below this ratio two values are told apart in per cent, above it as "times"."""


def sentence(found: Recommendation) -> str:
    """Say in one sentence why this run is taken, and what it gives up against the best in each objective."""
    lost = [
        f"{_than_best(extreme, value)} ({extreme.text}{_instead(found, place)})"
        for place, (extreme, value) in enumerate(zip(found.extremes, found.values, strict=True))
        if value != extreme.value
    ]
    facts = map(_fact, found.objectives, found.values, found.kinds)
    given_up = f"; it has {_listed(lost)}" if lost else ""
    return f"{_among(found)} {_reason(found)}: {', '.join(facts)}{given_up}."


def obstacle(front: Front, limits: Limits) -> str:
    """Say in one sentence which limit excludes every run, or what can be had where one of them is given up.

    Args:
        front: one of which `recommend` found nothing.
        limits: those it was asked for.
    """
    judged = judged_by(front, limits)
    if judged.empty:
        unknown = [_noun(figure(column)) for column in beyond(front, limits)]
        return f"No recipe can be judged: {_listed(unknown, 'or')} is unknown of each."
    alone = [pair for pair in limits.bounds if not Limits((pair,)).kept(judged).any()]
    if alone:
        return f"No recipe keeps {_listed([f'{_bound(*pair)} ({_reached(pair[0], judged)})' for pair in alone], 'or')}."
    rest = {column: judged[limits.without(column).kept(judged)] for column, _ in limits.bounds}
    eased = [_reached(column, rows) for column, rows in rest.items() if not rows.empty]
    wanted = f"No recipe keeps {_listed([_bound(*pair) for pair in limits.bounds])} together"
    others = "limit" if len(limits.bounds) == 2 else "limits"
    return f"{wanted}; with the other {others} kept, {_listed(eased)}." if eased else f"{wanted}, nor all but one."


def _among(found: Recommendation) -> str:
    within = " within the limits" if found.limits.bounds else ""
    unjudged = f" ({found.unjudged:,} more cannot be judged)" if found.unjudged else ""
    if found.feasible == 1:
        return f"The only recipe{within}{unjudged}"
    return f"Of {found.feasible:,} recipes{within}{unjudged}, this one"


def _reason(found: Recommendation) -> str:
    if found.feasible == 1:
        return "is the one to take"
    if all(extreme.value == value for extreme, value in zip(found.extremes, found.values, strict=True)):
        return "is the best in every objective"
    if found.depth == 0:
        return f"has {_superlative(found.objectives[0])}, since no other is a clearly better bargain"
    if found.objectives[0].column == CHOSEN_BY:
        return f"is {'the last before' if len(found.objectives) == 2 else 'where more'} accuracy gets expensive"
    return "is where giving up a little of one objective stops gaining much of another"


def _fact(objective: Figure, value: float, kind: str | None) -> str:
    per = f" per {objective.per}" if objective.per else ""
    return f"{_noun(objective)} {objective.text(value)}{per} {sign(kind)}".rstrip()


def _than_best(extreme: Extreme, value: float) -> str:
    named = _superlative(extreme.figure)
    return _against(extreme.figure, value, extreme.value, f"than {named}", named)


def _instead(found: Recommendation, place: int) -> str:
    """Write what the best run in one objective has of the others, against the run that is taken."""
    best = found.extremes[place].values
    parts = [
        _against(objective, best[other], found.values[other], _noun(objective), f"the {_noun(objective)}")
        for other, objective in enumerate(found.objectives)
        if other != place
    ]
    return f", with {_listed(parts)}" if parts else ""


def _against(objective: Figure, value: float, reference: float, compared: str, whole: str) -> str:
    """Write `value` against `reference`: ``0.4 points less COMPARED``, ``5.2 times WHOLE``, ``61 % of WHOLE``."""
    more = "more" if value > reference else "less"
    if value == reference:
        return f"the same {compared}"
    if objective.quantity is units.FRACTION:
        return f"{units.significant(abs(value - reference) * 100, 2)} points {more} {compared}"
    if min(value, reference) <= 0:  # no ratio
        return f"{objective.text(abs(value - reference))} {more} {compared}"
    ratio = value / reference
    if 1 / NEARLY < ratio < NEARLY:
        return f"{units.significant(abs(ratio - 1) * 100, 2)} % {more} {compared}"
    share = f"{units.significant(ratio, 2)} times" if ratio > 1 else f"{units.significant(ratio * 100, 2)} % of"
    return f"{share} {whole}"


def _bound(column: str, bound: float) -> str:
    wanted = figure(column)
    return f"{_noun(wanted)} at {'least' if wanted.maximize else 'most'} {wanted.text(bound)}"


def _reached(column: str, rows: pd.DataFrame) -> str:
    wanted, values = figure(column), rows[column]
    return f"{_superlative(wanted)} is {wanted.text(float(values.max() if wanted.maximize else values.min()))}"


def _superlative(objective: Figure) -> str:
    return f"the {'highest' if objective.maximize else 'lowest'} {_noun(objective)}"


def _noun(objective: Figure) -> str:
    title = objective.title
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _listed(parts: Sequence[str], word: str = "and") -> str:
    *first, last = parts
    return f"{', '.join(first)} {word} {last}" if first else last
