"""Why a promise is not kept: what was measured, and what the technique says of itself.

Every reason is read off the figures of the point, its baseline and, where it is stored, the same recipe without its
last promise. Weights, bits of the file per weight and products of one prediction tell which part of a promise was lost.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from greenai_core import units
from greenai_core.analysis import nominal
from greenai_core.analysis.figures import FIGURES
from greenai_core.analysis.nominal import Promise
from greenai_core.analysis.promised import BEFORE, DENSE, KEPT, REAL, kept

ABOUT: dict[str, re.Pattern[str]] = {
    "size_bytes": re.compile(r"\b(files?|bytes)\b"),
    "zipped_bytes": re.compile(r"\b(compressed|coded|coding)\b"),
    "latency_ms": re.compile(r"\b(time|fast|faster|slower|speed)\b"),
    "energy_per_sample_j": re.compile(r"\b(energy|joules|time|fast|faster|slower|speed)\b"),
}
"""Words in a technique's own description that are about a figure."""

UNCHANGED = 1.1
"""Ratios nearer to 1 than this are no change worth a word."""

Row = Mapping[str, Any]


def reasons(rows: pd.DataFrame) -> pd.DataFrame:
    """Return why each promise is not kept: a column per figure of `REAL`, with the figure's name.

    Args:
        rows: of `greenai_core.analysis.promised.compared`.

    Returns:
        The index of `rows`; empty where a promise is kept, or where none was made.
    """
    verdicts = {name: kept(rows, name) for name in REAL.values()}
    found = {
        name: [
            "" if verdict or math.isnan(row["promised"]) else reason(row, name)
            for row, verdict in zip(rows.to_dict("records"), verdicts[name], strict=True)
        ]
        for name in REAL.values()
    }
    return pd.DataFrame(found, index=rows.index)


def reason(row: Row, name: str) -> str:
    """Say why a row of `compared` does not keep its promise in a figure, or why that is unknown."""
    if math.isnan(row[f"{name}_times"]):
        return _unknown(row, name)
    measured = _of_file(row, name) if name in ("size_bytes", "zipped_bytes") else _of_work(row, name)
    ratio = row[f"{name}_times"]
    how = nominal.SAME if ratio < UNCHANGED else None
    if ratio * UNCHANGED < 1 or _cheaper_before(row, name):
        how = nominal.SLOWER
    culprit = _culprit(row, name)
    # What makes a network smaller says so; that explains no shortfall, unless nothing became smaller.
    said = nominal.says(culprit.stage, ABOUT[name], how) if how or culprit.does != "removal" else ""
    return f"{'; '.join(measured)}. {said}".strip()


def _unknown(row: Row, name: str) -> str:
    if not isinstance(row[f"run_id{DENSE}"], str):
        return "Unknown: no dense run of this model was measured under the same conditions."
    whose = "its file" if math.isnan(row[name]) else "the file of its baseline"
    return f"Unknown: {whose} is not stored here."


def _culprit(row: Row, name: str) -> Promise:
    """Return the promise that is in question: zeros, where a file holds them all; else the last one."""
    zeros = [promise for promise in row["promises"] if promise.does == "zeros"]
    stored = name == "size_bytes" and row["nonzero_params"] < KEPT * row["params"]
    promised: Promise = zeros[-1] if zeros and stored else row["promises"][-1]
    return promised


def _of_file(row: Row, name: str) -> list[str]:
    """Say what of the file did not shrink: the number of weights, or the bits of each."""
    params, nonzero = row["params"], row["nonzero_params"]
    said = []
    if any(promise.does == "zeros" for promise in row["promises"]) and nonzero < KEPT * params:
        zipped = row["zipped_bytes_times"]
        if name == "size_bytes":
            more = "" if math.isnan(zipped) else f", though zipped it is {_times(zipped)} smaller"
            said.append(f"the file holds all {params:,.0f} weights, of which {nonzero:,.0f} are not zero{more}")
        else:
            bits = 8 * row[name] / nonzero
            said.append(f"zipped, each of the {nonzero:,.0f} weights that are not zero takes {bits:.0f} bits")
    gone = math.prod(promise.times for promise in row["promises"] if promise.does in ("removal", "sharing"))
    fewer = row[f"params{DENSE}"] / params
    if gone > 1 and fewer < KEPT * gone:
        said.append(f"the number of weights fell to {_share(1 / fewer)}, not to {_share(1 / gone)}")
    short = [nominal.FLOAT_BITS / p.times for p in row["promises"] if p.does == "bits"]
    bits = 8 * row["size_bytes"] / params
    if short and name == "size_bytes" and bits * KEPT > min(short):
        said.append(
            f"the file takes {units.significant(bits)} bits per weight, not {min(short):.0f}: scales, layers that stay "
            "as they are and the graph are in it"
        )
    ends = _share(1 / row[f"{name}_times"]), _share(1 / row["promised"])
    what = "zipped file" if name == "zipped_bytes" else "file"
    return _begun(said or [f"the {what} is {ends[0]} of the baseline's, not {ends[1]}"])


def _of_work(row: Row, name: str) -> list[str]:
    """Say what of a prediction's work did not shrink: the number of products, or what each takes."""
    figure = FIGURES[name]
    ratio, products = row[f"{name}_times"], row[f"macs{DENSE}"] / row["macs"]
    taken = f"{figure.text(row[name])} instead of {figure.text(row[f'{name}{DENSE}'])}"
    said = [f"a prediction takes {taken}"]
    if math.isnan(products):
        pass
    elif products < UNCHANGED:
        zeros = row["nonzero_params"] < KEPT * row["params"]
        also = ", those with zeros included" if zeros else ""
        said.append(f"as many products as before ({units.MACS.text(row['macs'])}){also}")
    elif ratio < KEPT * products:
        said.append(f"products fell to {_share(1 / products)}, but each takes {_times(products / ratio)} as much")
    else:
        said.append(f"products fell to {_share(1 / products)} only")
    if _cheaper_before(row, name):
        last, earlier = row["promises"][-1].stage, figure.text(row[f"{name}{BEFORE}"])
        said.append(f"without {last} the same network takes {earlier}: it costs more than it saves")
    return _begun(said)


def _cheaper_before(row: Row, name: str) -> bool:
    """Tell whether the same recipe without its last promise is stored and does better in a figure."""
    return bool(row.get(f"{name}{BEFORE}", math.nan) < row[name] / UNCHANGED)


def _times(ratio: float) -> str:
    return f"{units.significant(ratio, 2)} times"


def _share(part: float) -> str:
    return f"{units.significant(part * 100, 2)} %"


def _begun(said: list[str]) -> list[str]:
    return [said[0][:1].upper() + said[0][1:], *said[1:]]
