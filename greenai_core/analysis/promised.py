"""What techniques promise by their parameters, beside what was measured: each point against its dense baseline.

The baseline of a point is that of `greenai_core.analysis.baseline`, among what was timed alike. Every figure is a
ratio, baseline over point: so many times smaller, faster or cheaper. Files are zipped with DEFLATE (RFC 1951,
https://www.rfc-editor.org/rfc/rfc1951) at its highest level, as an archive or a web server would.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from greenai_core.analysis import baseline, nominal
from greenai_core.analysis.figures import sign
from greenai_core.analysis.pareto import CHOSEN_BY
from greenai_core.analysis.pareto import groups as comparable
from greenai_core.analysis.replicates import points
from greenai_core.wording import number, recipe

REAL: dict[str, str] = {
    "File": "size_bytes",
    "Zipped": "zipped_bytes",
    "Latency": "latency_ms",
    "Joules": "energy_per_sample_j",
}
"""What a promise is held against, by the words that stand in links."""

NOUNS: dict[str, str] = {
    "size_bytes": "file size",
    "zipped_bytes": "zipped size",
    "latency_ms": "latency",
    "energy_per_sample_j": "joules per prediction",
}

KEPT = 0.9
"""Who gets at least so much of what was promised has kept the promise: scales and the graph itself take their share."""

NEEDED = ("size_bytes", "latency_ms", "energy_per_sample_j")
TOLD = (*NEEDED, CHOSEN_BY, "params", "nonzero_params", "macs")

DENSE, BEFORE = "_dense", "_before"
"""Ends of the columns that hold a figure of the baseline, and of the same recipe without its last promise."""

Specs = Callable[[Iterable[str]], Mapping[str, Mapping[str, Any]]]


def groups(runs: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Return (keys, runs) of each group of runs that were timed alike, as `greenai_core.analysis.pareto.groups`."""
    return comparable(runs, NEEDED)


def against_dense(keys: Mapping[str, str], runs: pd.DataFrame, stored: pd.DataFrame, specs: Specs) -> pd.DataFrame:
    """Return one row per point that is not dense: what it promises, its figures and those of its baseline.

    Args:
        keys: in which the runs agree, of `groups`.
        runs: of `groups`, on one data set.
        stored: all runs, as of `greenai_core.store.records.table`: a baseline may be one that a filter left out.
        specs: gives the specs of run_ids, see `greenai_core.store.specs`.

    Returns:
        The columns of `points` of `TOLD`; `what` (the stages that promise, or the technique where none does), `stage`
        (the last of those), `promises`, `promised` (times fewer bits; NaN: no number), `recipe` (JSON form); each of
        `TOLD` and `run_id` again with the ends `DENSE` and `BEFORE` (NaN, None: there is no such point). Most promising
        first.
    """
    alike = (stored["status"] == "succeeded") & stored["dataset"].isin(runs["dataset"].unique())
    for column, value in keys.items():
        alike &= stored[column] == value
    pool = stored[alike].dropna(subset=list(NEEDED))
    pool = baseline.beside(pool, pool["replicate_key"].isin(runs["replicate_key"]))
    every = _promising(points(pool, TOLD), specs)
    every["baseline"] = baseline.of(every)
    others = every[every["technique"] != "dense"]
    shown = others[others["replicate_key"].isin(runs["replicate_key"])]
    for rows, theirs, ours, end in (
        (every, "replicate_key", "baseline", DENSE),
        (others, "made_by", "made_from", BEFORE),
    ):
        found = rows.drop_duplicates(theirs).set_index(theirs)[[*TOLD, "run_id"]].add_suffix(end)
        shown = shown.merge(found, left_on=ours, right_index=True, how="left")
    ordered = shown.drop(columns=["baseline", "made_by", "made_from"])
    return ordered.sort_values(["promised", "what", "run_id"], ascending=[False, True, True], ignore_index=True)


def compared(cases: pd.DataFrame, zipped: Mapping[str, int]) -> pd.DataFrame:
    """Return the rows of `against_dense` with a ratio per figure of `REAL`: `NAME_times`, NaN where it is unknown.

    Args:
        cases: of `against_dense`.
        zipped: bytes of the zipped file by run_id; those of `zippable`, where they are known.
    """
    sizes = {f"zipped_bytes{end}": cases[f"run_id{end}"].map(zipped).astype(float) for end in ("", DENSE)}
    whole = cases.assign(**sizes)
    return whole.assign(**{f"{name}_times": whole[f"{name}{DENSE}"] / whole[name] for name in REAL.values()})


def zippable(cases: pd.DataFrame, most: int) -> list[str]:
    """Return the run_ids whose files tell the zipped sizes, the newest run of each point that promises and baseline."""
    promising = cases[cases["promised"].notna()]
    return list(dict.fromkeys([*promising[f"run_id{DENSE}"].dropna(), *promising["run_id"]]))[:most]


def zipped_bytes(content: bytes) -> int:
    """Return how many bytes a file has once it is zipped."""
    return len(zlib.compress(content, 9))


def kept(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return whether the promise is kept in a figure of `REAL`, per row; None where that is unknown."""
    real = rows[f"{name}_times"]
    known = real.notna() & rows["promised"].notna()
    return (real >= KEPT * rows["promised"]).astype(object).where(known, None)


def answer(rows: pd.DataFrame) -> str:
    """Say how many techniques keep their promise in bytes, in latency and in joules."""
    promising = rows[rows["promised"].notna()]
    total = promising["what"].nunique()
    if not total:
        return "No technique among these runs promises a number: no sparsity, no bits."
    told = []
    for name in NEEDED:
        judged = promising.assign(kept=kept(promising, name)).dropna(subset="kept")
        whole = judged["kept"].astype(bool).groupby(judged["what"]).all()
        of = "" if len(whole) == total else f" (of {len(whole)} that can be judged)"
        told.append(f"{int(whole.sum())}{of} in {NOUNS[name]}")
    verb = "promises" if total == 1 else "promise"
    return (
        f"Of {number(total, 'technique')} that {verb} a number, so many keep it with every recipe measured here: "
        f"{told[0]}, {told[1]} and {told[2]}."
    )


def table(rows: pd.DataFrame, why: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `compared` as a table for people: ratios, where the promise is kept, and why it is not elsewhere.

    Args:
        rows: to show.
        why: of `greenai_core.analysis.shortfall.reasons`, of the same rows.
    """
    verdicts = pd.DataFrame({words: kept(rows, name) for words, name in REAL.items()})
    reached = [", ".join(words for words in REAL if row[words]) for row in verdicts.to_dict("records")]
    missed = [
        " ".join(f"{words}: {row[name]}" for words, name in REAL.items() if row[name]) for row in why.to_dict("records")
    ]
    return pd.DataFrame(
        {
            "Technique": rows["what"],
            "Promised (times)": rows["promised"].round(2),
            **{f"{words} (times)": rows[f"{name}_times"].round(2) for words, name in REAL.items()},
            "How": rows["energy_inference_kind"].map(sign),
            "Kept in": reached,
            "Model": rows["model"],
            "Recipe": rows["recipe"].map(recipe),
            "Seeds": rows["seeds"],
            "Why not": missed,
        }
    )


def _promising(rows: pd.DataFrame, specs: Specs) -> pd.DataFrame:
    """Add to points what they promise, and texts that say how one was made, and from what."""
    found = specs(rows["run_id"])
    rows = rows[rows["run_id"].isin(found.keys())].reset_index(drop=True)
    told = [found[run_id] for run_id in rows["run_id"]]
    promised = [nominal.promises(spec["recipe"]) for spec in told]
    named = list(zip([[promise.stage for promise in each] for each in promised], rows["technique"], strict=True))
    return rows.assign(
        recipe=[spec["recipe"] for spec in told],
        promises=promised,
        promised=pd.Series(map(nominal.times, promised), dtype=float),
        what=[" + ".join(names) or technique for names, technique in named],
        stage=[names[-1] if names else technique for names, technique in named],
        made_by=[_text(spec, spec["recipe"]) for spec in told],
        made_from=[_text(spec, _before(spec["recipe"], each)) for spec, each in zip(told, promised, strict=True)],
    )


def _before(stages: Sequence[Any], promised: Sequence[nominal.Promise]) -> Sequence[Any]:
    """Return the recipe up to the last stage that promises."""
    places = [place for place, stage in enumerate(stages) if promised and stage["name"] == promised[-1].stage]
    return stages[: places[-1]] if places else ()


def _text(spec: Mapping[str, Any], stages: Sequence[Any]) -> str:
    return json.dumps([spec["dataset"], spec["model"], stages], sort_keys=True)
