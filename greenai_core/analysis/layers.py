"""The layers of several deployed files beside each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from greenai_core.layer_sizes import Layer, Sizes

REST, FILE = "Graph and names", "Whole file"


@dataclass(frozen=True)
class Part:
    """A part that several files have in common: its name, what it is, and its bytes in each file that has it."""

    name: str
    kind: str
    size_bytes: Mapping[str, int]


def parts(found: Mapping[str, Sizes]) -> list[Part]:
    """Return the layers of one or more files in their order, and last what is left of each file.

    Layers of different files are the same part where place and kind agree. A part is called what those files call it
    that know its name, if they agree, else by its kind.

    Args:
        found: the sizes by the name of the run.
    """
    alike: dict[tuple[int, str], dict[str, Layer]] = {}
    for run, sizes in found.items():
        for layer in sizes.layers:
            alike.setdefault((layer.place, layer.kind), {})[run] = layer
    layers = [
        Part(f"{place}. {_called(members.values())}", kind, {run: one.size_bytes for run, one in members.items()})
        for (place, kind), members in sorted(alike.items())
    ]
    return [*layers, Part(REST, "", {run: sizes.rest_bytes for run, sizes in found.items()})]


def fewer(whole: list[Part], most: int) -> list[Part]:
    """Return the largest layers, `most` at most, in their order, then all others as one part, then the rest."""
    *layers, rest = whole
    largest = sorted(layers, key=lambda part: -sum(part.size_bytes.values()))[:most]
    others = [part for part in layers if part not in largest]
    if len(others) < 2:
        return whole
    runs = dict.fromkeys(run for part in others for run in part.size_bytes)
    summed = {run: sum(part.size_bytes.get(run, 0) for part in others) for run in runs}
    kept = [part for part in layers if part in largest]
    return [*kept, Part(f"{len(others)} other layers", "", summed), rest]


def table(found: Mapping[str, Sizes]) -> pd.DataFrame:
    """Return a row per part and a last one for the whole file; a column of bytes per run, missing where it has none."""
    rows = [{"Layer": part.name, "Kind": part.kind, **part.size_bytes} for part in parts(found)]
    rows.append({"Layer": FILE, "Kind": "", **{run: sizes.total_bytes for run, sizes in found.items()}})
    return pd.DataFrame(rows, columns=["Layer", "Kind", *found]).astype(dict.fromkeys(found, "Int64"))


def _called(members: Collection[Layer]) -> str:
    names = {layer.name for layer in members if layer.name}
    return names.pop() if len(names) == 1 else next(iter(members)).kind
