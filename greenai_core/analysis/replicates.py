"""Runs that differ in nothing but the seed are one point: means over the seeds, with the 95 % intervals of those means.

The interval is Student's over the seeds. Where figures are read with an error, such as joules, the values of the seeds
differ by that error too, so that their spread holds both sources already: with seeds that count alike, the interval of
Hartung and Knapp for studies with errors of their own (IntHout et al. 2014, https://doi.org/10.1186/1471-2288-14-25) is
Student's. To add the errors of the readings once more would count them twice. With one seed they are all that is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from greenai_core import units
from greenai_core.analysis.figures import Figure, figure

READINGS = {
    "energy_per_sample_j": "energy_per_sample_ci95_j",
    "energy_per_sample_b1_j": "energy_per_sample_b1_ci95_j",
}
"""Per figure that is read several times in one run, the optional column with the half-width of the 95 % interval of the
mean of those readings."""

SHARED = (
    "status",
    "dataset",
    "model",
    "network",
    "technique",
    "techniques",
    "sparsity",
    "temperature",
    "quality_key",
    "training_key",
    "inference_key",
    "comparability_key",
    "energy_train_kind",
    "energy_inference_kind",
)
"""Columns that describe a point, where all of its runs agree; so do those under which its figures compare."""

BOTH = "own and bank"
"""The origin of a point with runs of this store and of the bank."""

LEVEL = 0.95

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


def points(runs: pd.DataFrame, figures: Sequence[str]) -> pd.DataFrame:
    """Return one row per replicate_key, in the order in which those first appear.

    Several runs of one seed (one here, one in the bank) are averaged first, so that every seed counts once. A seed
    whose value is unknown is left out of that figure. A figure that is only comparable under equal conditions is
    unknown where the runs of a point were made or measured under several.

    Args:
        runs: as of `greenai_core.store.records.table`, or the table of a `greenai_core.analysis.pareto.Front`: newest
            first; the columns of `READINGS` may be missing.
        figures: names of figures.

    Returns:
        The columns `replicate_key`, `run_id` (the newest run), `run_ids` (tuple, newest first), `created_at` (of the
        newest), `origin` (own, bank or `BOTH`), `seeds` (how many) and those of `SHARED`, None or NaN where runs
        differ; then per figure, in its own unit, `NAME` (mean over the seeds), `NAME_low` and `NAME_high` (ends of the
        95 % interval of that mean, never beyond what the figure can be; with one seed that of its readings, NaN where
        there is none), `NAME_sd` (standard deviation over the seeds; NaN with one) and `NAME_seeds` (how many seeds
        tell the figure).

    Raises:
        BadInput: a figure is unknown.
    """
    wanted = [figure(name) for name in figures]
    point, keys = pd.factorize(runs["replicate_key"])
    first = np.unique(point, return_index=True)[1]
    seeds = runs["seed"].groupby(point).nunique()
    run_ids = _run_ids(runs["run_id"], point)
    parts: dict[str, object] = {
        "replicate_key": keys,
        "run_id": [ids[0] for ids in run_ids],
        "run_ids": run_ids,
        "created_at": runs["created_at"].to_numpy()[first],
        "origin": np.where(_agree(runs["origin"], point, first), runs["origin"].to_numpy()[first], BOTH),
        "seeds": seeds.to_numpy(),
    }
    for name in dict.fromkeys([*SHARED, *(condition for each in wanted for condition in _conditions(each))]):
        parts[name] = runs[name].iloc[first].where(_agree(runs[name], point, first)).array
    for each in wanted:
        alike = np.ones(len(keys), dtype=bool)
        for condition in _conditions(each):
            alike &= _agree(runs[condition], point, first)
        parts |= _summary(runs, each, point, alike)
    return pd.DataFrame(parts)


def by_seed(runs: pd.DataFrame, figures: Sequence[str]) -> pd.DataFrame:
    """Return what each seed of each point tells: the mean over its runs, so that a seed that was run again counts once.

    Args:
        runs: as for `points`, all comparable in the figures.
        figures: names of figures.

    Returns:
        The figures, in their own units; the index is (row of the point in `points`, seed), in that order.
    """
    return _repeated(runs[list(figures)], pd.factorize(runs["replicate_key"])[0], runs["seed"]).mean()


def _summary(runs: pd.DataFrame, wanted: Figure, point: Whole, alike: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Return the columns of one figure; unknown for the points whose runs are not `alike`."""
    name = wanted.column
    known = pd.DataFrame({"value": runs[name].to_numpy(float), "square": _readings(runs, name) ** 2})
    known.loc[~alike[point]] = np.nan
    repeated = _repeated(known, point, runs["seed"])
    half = np.sqrt(repeated["square"].sum(skipna=False)) / repeated.size()
    of_seeds = pd.DataFrame({"value": repeated["value"].mean(), "half": half})
    over = of_seeds.groupby(level=0)
    count = over["value"].count().to_numpy()
    mean, sd, read = (column.to_numpy() for column in (over["value"].mean(), over["value"].std(), over["half"].mean()))
    width = np.where(count > 1, quantile(count - 1.0) * sd / np.sqrt(np.maximum(count, 1)), read)
    most = 1.0 if wanted.quantity is units.FRACTION else np.inf
    return {
        name: mean,
        f"{name}_low": np.clip(mean - width, 0.0, most),
        f"{name}_high": np.clip(mean + width, 0.0, most),
        f"{name}_sd": sd,
        f"{name}_seeds": count,
    }


def _repeated(values: pd.DataFrame, point: Whole, seed: pd.Series) -> DataFrameGroupBy:
    """Group rows of runs by point and seed: what is several times there is one seed that was run again."""
    return values.groupby([point, seed.to_numpy()])


def quantile(degrees: Floats, tail: float = (1 - LEVEL) / 2) -> Floats:
    """Return how many standard errors Student's t exceeds with probability `tail`; NaN where `degrees` is below 1.

    Args:
        degrees: degrees of freedom, of any shape; computed once per value, since there are few.
        tail: probability, of one side.
    """
    from scipy.special import stdtrit

    few, place = np.unique(degrees, return_inverse=True)
    found = np.full(few.shape, np.nan)
    found[few >= 1] = -stdtrit(few[few >= 1], tail)
    return np.asarray(found[place].reshape(np.shape(degrees)))


def _run_ids(run_ids: pd.Series, point: Whole) -> list[tuple[str, ...]]:
    """Return the ids of each point's runs, in the order of the rows."""
    ordered = run_ids.to_numpy(object)[np.argsort(point, kind="stable")].tolist()
    ends = np.cumsum(np.bincount(point)).tolist()
    return [tuple(ordered[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _agree(column: pd.Series, point: Whole, first: Whole) -> npt.NDArray[np.bool_]:
    """Return per point whether all of its runs have the same value; unknown ones are equal."""
    codes = pd.factorize(column)[0]
    return np.asarray(np.bincount(point, codes != codes[first][point], minlength=len(first)) == 0)


def _readings(runs: pd.DataFrame, name: str) -> Floats | float:
    column = READINGS.get(name)
    return runs[column].to_numpy(float) if column in runs else np.nan


def _conditions(wanted: Figure) -> list[str]:
    return [*([f"{wanted.key}_key"] if wanted.key else []), *([wanted.kind_column] if wanted.kind_column else [])]
