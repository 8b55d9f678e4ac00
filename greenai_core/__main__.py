"""The command line: ``python -m greenai_core COMMAND``.

What a command has to say is on standard output, alone; progress and logs are on standard error. Exit codes: 0; 2 for
bad input, with one line that names the field or file; 1 for a run that failed.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from greenai_core.errors import BadInput, Cancelled, RunFailed
from greenai_core.quiet_waiting import wait_quietly

if TYPE_CHECKING:
    from greenai_core.jobs.queue import Job
    from greenai_core.progress import Progress
    from greenai_core.record import Record

Command = Callable[[argparse.Namespace], None]

OK, FAILED, BAD_INPUT = 0, 1, 2

_RECORD_COLUMNS = (
    "run_id",
    "status",
    "origin",
    "dataset",
    "model",
    "technique",
    "sparsity",
    "seed",
    "accuracy_val",
    "accuracy",
    "params",
    "size_bytes",
    "energy_train_j",
    "energy_per_sample_j",
    "latency_ms",
)
_JOB_COLUMNS = ("id", "state", "dataset", "model", "seed", "stage", "progress", "attempts", "run_id", "error")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        chosen = _parser().parse_args(arguments)
        chosen.command(chosen)
    except BadInput as error:
        return _complain(str(error), BAD_INPUT)
    except (Cancelled, KeyboardInterrupt):
        return _complain("interrupted; nothing was stored.", FAILED)
    except RunFailed as error:
        return _complain(str(error), FAILED)
    except BrokenPipeError:  # whoever read the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        from greenai_core.store.database import disk_is_full

        if not disk_is_full(error):
            raise
        return _complain(f"{error.filename or 'a file'}: the disk is full; free some space and try again.", FAILED)
    return OK


def _complain(message: str, code: int) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (`{self.prog} --help` lists what there is)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m greenai_core", description="Run, store and compare energy-aware experiments.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def add(command: Command, *, formats: Sequence[str] = ("json", "table"), **fields: Any) -> argparse.ArgumentParser:
        name = command.__name__.removeprefix("_")
        added = commands.add_parser(name, help=command.__doc__, description=command.__doc__, **fields)
        added.add_argument("--format", choices=formats, default=None, help="default: json")
        added.set_defaults(command=command)
        return added

    add(_catalog)
    add(_preview).add_argument("spec", type=Path, metavar="SPEC.json")
    run = add(_run)
    run.add_argument("spec", type=Path, metavar="SPEC.json")
    run.add_argument("--again", action="store_true", help="run it even if a stored record answers it")
    submit = add(_submit)
    submit.add_argument("spec", type=Path, metavar="SPEC.json")
    submit.add_argument("--again", action="store_true", help="queue it even if a stored record answers it")
    add(_jobs).add_argument("id", nargs="?", metavar="ID")
    add(_cancel).add_argument("id", metavar="ID")
    add(_retry).add_argument("id", metavar="ID")
    work = add(_work)
    work.add_argument("--until-idle", action="store_true", help="leave as soon as every job has ended")
    records = add(_records, formats=("json", "table", "csv", "parquet"))
    records.add_argument("--out", type=Path, metavar="FILE", help="write to this file")
    records.add_argument("--import", type=Path, metavar="FILE", dest="source", help="first store those of this file")
    records.add_argument("--origin", choices=("all", "own", "bank"), default="all", help="default: all")
    front = add(_front)
    front.add_argument("--objectives", required=True, metavar="NAME,NAME", help="figures of a record, comma-separated")
    front.add_argument("--dataset", metavar="NAME", help="only runs on this data set")
    front.add_argument("--predictions", type=float, metavar="N", help="served, for lifetime_j; default: 1e6")
    add(_remeasure).add_argument("run_id", metavar="RUN_ID")
    add(_meter)
    recost = add(_recost)
    recost.add_argument("run_id", metavar="RUN_ID")
    recost.add_argument("--country", metavar="CODE", help="of the grid, ISO 3166 alpha-3, such as NLD")
    recost.add_argument("--g-per-kwh", type=float, metavar="G", help="grams of CO2e per kWh, instead of a country's")
    recost.add_argument("--year", type=int, metavar="YEAR", help="that the country's mean or --g-per-kwh is of")
    recost.add_argument("--source", metavar="TEXT", help="who says --g-per-kwh")
    recost.add_argument("--pue", type=float, default=1.0, help="energy at the wall over the computer's; default: 1")
    recost.add_argument("--watts-per-core", type=float, metavar="W", help="of a busy core; default: as when it ran")
    return parser


def _catalog(chosen: argparse.Namespace) -> None:
    """List the data sets, models and techniques there are."""
    from greenai_core.registry import catalog

    found = catalog()
    rows = [{"kind": kind.removesuffix("s"), **entry} for kind, entries in found.items() for entry in entries]
    _emit(chosen, found, rows, ("kind", "name", "title", "family", "source"))


def _preview(chosen: argparse.Namespace) -> None:
    """Say what a spec would give and cost; nothing is trained."""
    from greenai_core.spec import read

    spec = read(chosen.spec)
    wait_quietly()
    from greenai_core.preview import preview

    answer = preview(spec)
    figures = ("params", "nonzero_params", "macs", "size_bytes")
    rows = [{"model": "before", **answer["baseline"]}, {"model": "after", **{name: answer[name] for name in figures}}]
    _emit(chosen, answer, rows, ("model", *figures))


def _run(chosen: argparse.Namespace) -> None:
    """Run a spec here, store its record and print it; one that is stored already is printed at once."""
    from greenai_core.spec import read
    from greenai_core.store import answers, records

    spec = read(chosen.spec)
    record = None if chosen.again else answers.record(spec)
    if record is None:
        from greenai_core import preload

        preload.everything()
        from greenai_core.run import execute
        from greenai_core.store.keeper import Keeper

        keeper = Keeper()
        try:
            with keeper, _ProgressBar() as bar:
                record = execute(spec, reporter=bar, keep=keeper)
        except BaseException as error:
            keeper.end()
            if isinstance(error, KeyboardInterrupt) and keeper.record is not None:
                said = f"interrupted; run {keeper.record.run_id} holds what was measured until then."
                raise RunFailed(said) from None
            raise
        try:
            records.save(record)
        except BadInput as error:  # the work is done: hand it out, so that it can be imported later
            _emit_record(chosen, record)
            raise RunFailed(f"{error} The record above is complete; `records --import` stores it.") from None
    _emit_record(chosen, record)


def _submit(chosen: argparse.Namespace) -> None:
    """Queue a spec, a list of specs or a sweep; returns at once."""
    from greenai_core.jobs import queue, sweeps
    from greenai_core.jobs.access import Access
    from greenai_core.spec import read_json

    sweep = sweeps.read(read_json(chosen.spec))
    found = queue.submit(sweep.specs, access=Access.local(), again=chosen.again, budget_j=sweep.budget_j)
    results = [asdict(result) for result in found]
    _emit(chosen, {"jobs": results}, results, ("id", "state", "spec_id", "run_id"))


def _jobs(chosen: argparse.Namespace) -> None:
    """List every job, newest first, or one."""
    from greenai_core.jobs import queue

    _emit_jobs(chosen, queue.jobs() if chosen.id is None else [queue.job(chosen.id)])


def _cancel(chosen: argparse.Namespace) -> None:
    """End a job; one that runs is asked to end, and killed if it does not."""
    from greenai_core.jobs import queue
    from greenai_core.jobs.access import Access

    _emit_jobs(chosen, [queue.cancel(chosen.id, Access.local())])


def _retry(chosen: argparse.Namespace) -> None:
    """Try a job again that did not succeed; run one that did once more, as a new job."""
    from greenai_core.jobs import queue
    from greenai_core.jobs.access import Access

    result = asdict(queue.retry(chosen.id, Access.local()))
    _emit(chosen, {"jobs": [result]}, [result], ("id", "state", "spec_id", "run_id"))


def _work(chosen: argparse.Namespace) -> None:
    """Work on the queue in the foreground, or follow the supervisor that does."""
    from greenai_core.jobs.supervisor import supervise

    logging.getLogger("greenai_core").setLevel(logging.INFO)
    supervise(linger_s=0 if chosen.until_idle else math.inf, wait_for_lock=True)


def _records(chosen: argparse.Namespace) -> None:
    """List, export or import records."""
    from greenai_core import wording
    from greenai_core.store import exchange, records

    if chosen.source is not None:
        with _ProgressBar() as bar:
            found = exchange.import_file(chosen.source, bar)
        differing = wording.differing(found.differing, found.example)
        print(f"{found.stored} records imported, {found.known} known already{differing}", file=sys.stderr)
    if chosen.format == "table" and chosen.out is not None:
        raise BadInput("--out: a table is for reading; choose json, csv or parquet.")
    if chosen.format == "table":
        _emit(chosen, None, records.table(chosen.origin).to_dict("records"), _RECORD_COLUMNS)
    elif chosen.out is not None:
        exchange.export(chosen.out, chosen.format, chosen.origin)
    elif chosen.format == "parquet":
        raise BadInput("--out: parquet is not text; name a file to write it to.")
    else:
        sys.stdout.write(exchange.encode(chosen.format or "json", chosen.origin).decode())


def _front(chosen: argparse.Namespace) -> None:
    """Find the recipes that no comparable recipe beats on every objective, each at the mean of its seeds."""
    from greenai_core.analysis import explore
    from greenai_core.analysis.comparable import comparables
    from greenai_core.analysis.lifetime import USUAL, Lifetime
    from greenai_core.store import records

    objectives = [name.strip() for name in chosen.objectives.split(",")]
    lifetime = Lifetime(USUAL if chosen.predictions is None else chosen.predictions)
    groups = comparables(lifetime.served(records.table()), objectives, chosen.dataset)
    fronts = [explore.as_json(group.front()) for group in groups]
    rows = [
        {"front": number, **point, "run_id": " ".join(point["run_ids"])}
        for number, front in enumerate(fronts, start=1)
        for point in front["points"]
    ]
    _emit(
        chosen,
        {"fronts": fronts},
        rows,
        ("front", "run_id", "dataset", "model", "technique", "seeds", *objectives, "on_front"),
    )


def _remeasure(chosen: argparse.Namespace) -> None:
    """Time the stored model of a run on this machine and add the measurement to its record."""
    from greenai_core.store import records

    records.load(chosen.run_id)
    wait_quietly()
    from greenai_core.run import remeasure

    _emit_record(chosen, remeasure(chosen.run_id))


def _meter(chosen: argparse.Namespace) -> None:
    """Say what this machine can measure, and why not more."""
    wait_quietly()
    from greenai_core.energy.meter import EnergyMeter

    found = EnergyMeter.from_settings().describe()
    if chosen.format == "table":
        print("\n".join(_outline(found)))
    else:
        _emit(chosen, found, (), ())


def _recost(chosen: argparse.Namespace) -> None:
    """Say what a stored run would come to under other assumptions; nothing is run."""
    from greenai_core.analysis.recost import Assumptions, recost
    from greenai_core.store import records

    assumptions = Assumptions(
        country=chosen.country,
        g_per_kwh=chosen.g_per_kwh,
        year=chosen.year,
        source=chosen.source,
        pue=chosen.pue,
        w_per_core=chosen.watts_per_core,
    )
    found = recost(records.load(chosen.run_id), assumptions)
    rows = [*found.rows(), *({"figure": "assumed", "how": sentence} for sentence in found.assumed)]
    _emit(chosen, asdict(found), rows, ("figure", "value", "how"))


def _outline(document: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a JSON object as lines for reading, one per fact; what is inside something is indented below it."""
    for name, value in document.items():
        inside = {str(place): item for place, item in enumerate(value, 1)} if isinstance(value, list | tuple) else value
        if isinstance(inside, Mapping):
            yield f"{indent}{name}:" + ("" if inside else " none")
            yield from _outline(inside, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_text(name, value)}"


def _emit_record(chosen: argparse.Namespace, record: Record) -> None:
    values = record.model_dump(mode="json")
    names = [name for name, value in values.items() if isinstance(value, str | int | float)]
    rows = [{"field": name, "value": _text(name, values[name])} for name in names]
    _emit(chosen, values, rows, ("field", "value"))


def _emit_jobs(chosen: argparse.Namespace, jobs: Sequence[Job]) -> None:
    found = [{**asdict(job), "progress": job.fraction} for job in jobs]
    rows = [
        {**job, "dataset": spec["dataset"]["name"], "model": spec["model"]["name"], "seed": spec["seed"]}
        for job in found
        for spec in [job["spec"]]
    ]
    _emit(chosen, {"jobs": found}, rows, _JOB_COLUMNS)


def _emit(chosen: argparse.Namespace, document: Any, rows: Sequence[Mapping[Any, Any]], columns: Sequence[str]) -> None:
    """Print `document` as JSON, or `rows` as a table of `columns`."""
    if chosen.format != "table":
        print(json.dumps(document, indent=2, default=_jsonable))
        return
    import pandas as pd

    cells = [[_text(column, row.get(column)) for column in columns] for row in rows]
    print(pd.DataFrame(cells, columns=list(columns)).to_string(index=False) if cells else "nothing yet")


def _jsonable(value: Any) -> Any:
    """Turn a number of numpy into one of Python."""
    return value.item()


def _text(column: str, value: Any) -> str:
    """Write a cell with its unit."""
    from greenai_core.analysis.figures import FIGURES

    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if column == "progress":
        return f"{value:.0%}"
    return FIGURES[column].text(value) if column in FIGURES and not isinstance(value, str) else str(value)


class _ProgressBar:
    """Shows reports on standard error: as a bar in a terminal, as one line per epoch elsewhere."""

    WIDTH = 30

    def __init__(self) -> None:
        self._live, self._drawn = sys.stderr.isatty(), False

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *problem: object) -> None:
        if self._drawn:
            print(file=sys.stderr)

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        done = round(progress.fraction * self.WIDTH)
        epoch = f" epoch {progress.epoch}/{progress.epochs}" if progress.epoch is not None else ""
        loss = f" loss {progress.loss:.4f}" if progress.loss is not None else ""
        accuracy = f" val {progress.accuracy_val:.4f}" if progress.accuracy_val is not None else ""
        text = f"{progress.fraction:4.0%} {progress.stage}{epoch}{loss}{accuracy} {progress.message}".rstrip()
        if self._live:
            self._drawn = True
            print(f"\r[{'#' * done:{self.WIDTH}}] {text}\033[K", end="", file=sys.stderr, flush=True)
        elif progress.epoch_done or (progress.epoch is None and progress.fraction > 0):
            print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
