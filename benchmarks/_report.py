"""What every benchmark has in common: its arguments and its output."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any


def arguments(description: str | None, **further: str) -> argparse.Namespace:
    """Read ``--quick`` and ``--format``, and further options that take a text, which are given with their help."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the same on less work")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    for name, meaning in further.items():
        parser.add_argument(f"--{name}", help=meaning)
    return parser.parse_args()


def emit(options: argparse.Namespace, rows: Sequence[Mapping[str, Any]], **claims: Mapping[str, Any]) -> None:
    """Print the rows as a table and what is claimed below it, or everything as one JSON object."""
    if options.format == "json":
        print(json.dumps({"rows": list(rows), **claims}, indent=2))
        return
    import pandas as pd

    print(pd.DataFrame(rows).to_string(index=False))
    for title, figures in claims.items():
        print(f"\n{title}")
        for name, value in figures.items():
            print(f"  {name}: {value:,.3g}" if isinstance(value, float) else f"  {name}: {value}")
