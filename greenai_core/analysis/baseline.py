"""Which dense recipe another one is held against, on whichever part of a page.

The baseline of a recipe is the dense one (only trained) of the same network, parameters of the model included, on the
same data set and measured under the same conditions; of several the one with most seeds, then the most accurate on
validation. What a person chooses to look at does not move it: a dense recipe that is filtered out is the baseline none
the less.
"""

from __future__ import annotations

import pandas as pd

from greenai_core.analysis.pareto import CHOSEN_BY

ALIKE = ["dataset", "network"]
"""What a recipe and its baseline agree in, besides the conditions that make their figures comparable."""


def beside(stored: pd.DataFrame, wanted: pd.Series) -> pd.DataFrame:
    """Return the wanted runs, and the dense runs that may be baselines of theirs although nobody wants to see them.

    Of a dense recipe that has wanted runs only those are returned: as a baseline it is the point that it is by itself.

    Args:
        stored: as of `greenai_core.store.records.table`.
        wanted: whether each row is.
    """
    dense = stored["technique"] == "dense"
    return stored[wanted | (dense & ~stored["replicate_key"].isin(stored.loc[wanted, "replicate_key"]))]


def of(points: pd.DataFrame) -> pd.Series:
    """Return the replicate_key of the baseline of each point; missing for dense ones, and where there is none.

    Args:
        points: as of `greenai_core.analysis.replicates.points`, comparable ones, with the accuracy on validation.
    """
    dense = points["technique"] == "dense"
    best_first = points[dense].sort_values(["seeds", CHOSEN_BY], ascending=False, kind="stable")
    known = best_first.drop_duplicates(ALIKE).set_index(ALIKE)["replicate_key"].astype(object)
    found = known.reindex(pd.MultiIndex.from_frame(points[ALIKE]))
    return pd.Series(found.to_numpy(), index=points.index).where(~dense)
