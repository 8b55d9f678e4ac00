"""Tables published by others, as they were printed, to stand beside our own figures."""

from __future__ import annotations

import pandas as pd

from greenai_core import settings

PRINTED = (
    "table",
    "label",
    "dataset",
    "model",
    "technique",
    "sparsity",
    "params",
    "accuracy_train_percent",
    "accuracy_test_percent",
    "size_kb",
    "source",
    "note",
)
"""Columns of the files, and `table`, the name of the file that a row is from."""

NUMBERS = ("sparsity", "params", "accuracy_train_percent", "accuracy_test_percent", "size_kb")


def published() -> pd.DataFrame:
    """Return the rows of every file in `results/reference/`; what a table does not print is missing.

    Printed percentages and kilobytes stay as they are. Beside them stand the same figures as a record has them:
    accuracy (test) and accuracy_train in [0, 1], size_bytes.
    """
    files = sorted(settings.REFERENCE.glob("*.csv"))
    tables = [pd.read_csv(file).assign(table=file.stem) for file in files]
    rows = pd.concat([pd.DataFrame(columns=list(PRINTED)), *tables], ignore_index=True)[list(PRINTED)]
    numbers = rows.astype(dict.fromkeys(NUMBERS, float))
    return numbers.assign(
        accuracy=numbers["accuracy_test_percent"] / 100,
        accuracy_train=numbers["accuracy_train_percent"] / 100,
        size_bytes=numbers["size_kb"] * 1024,
    )
