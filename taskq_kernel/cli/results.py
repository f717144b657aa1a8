"""``taskq results``: what came out, as a table or a file."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from taskq_kernel import exact_json
from taskq_kernel.cli import DONE, listing, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples, length_of_time
from taskq_kernel.cli.sql import ask
from taskq_kernel.client.connection import existing
from taskq_kernel.client.operations import Row
from taskq_kernel.client.results import result_rows


@click.command(
    cls=TaskCommand,
    epilog=examples(
        "taskq results --batch gaps", "taskq results --batch gaps --out gaps.parquet",
        "taskq results --name model --since 2026-01-01 --out models.csv",
        "taskq results --sql 'SELECT name, avg(seconds) FROM results GROUP BY name'",
    ),
)
@click.option("--batch", help="Only of this batch, by its name or UUID.")
@click.option("--name", help="Only tasks with this in their name.")
@click.option("--owner", help="Only tasks of this owner.")
@click.option("--definition", metavar="ID", help="Only tasks that call this definition.")
@click.option(
    "--arg", "arguments", multiple=True, metavar="CONDITION",
    help="Only tasks with such an argument: n=200, 'beta>0.5', method=euler; may be repeated.",
)
@click.option("--status", multiple=True, default=["FINISHED"], show_default=True, help="May be repeated.")
@click.option("--since", metavar="TIME", help="Only what ended at this time or later.")
@click.option("--before", metavar="TIME", help="Only what ended before this time.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many. Default: all.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write a file: .parquet (needs pyarrow), .csv or .json.",
)
@click.option(
    "--sql", metavar="SELECT",
    help="Instead: ask the results database, on its own machine or with TASKQ_RESULTS_DATABASE. It only reads.",
)
@click.option(
    "--time-limit", metavar="TIME", default="60s", show_default=True, callback=length_of_time,
    help="How long --sql may take.",
)
@as_json_option
def results(
    out: Path | None, limit: int | None, as_json: bool, sql: str | None, time_limit: float, **selection: Any
) -> int:
    """Write what came out: arguments, what became of each task, and its value.

    A TIME is a day, or a day and a time, in ISO 8601. Without an offset it is local time.
    """
    if sql is not None:
        given = [name for name, value in selection.items() if value and (name, value) != ("status", ("FINISHED",))]
        if given or limit is not None:
            raise click.UsageError("--sql says itself what is wanted: leave the other conditions out")
        return ask(sql, time_limit, out, as_json)
    write = None if out is None else _writer(out)
    rows = result_rows(existing().transport(), selection | {"status": list(selection["status"])}, limit=limit)
    if out is None or write is None:
        found = list(rows)
        output.json_document(found) if as_json else listing.write(found)
        return DONE
    count = write(list(rows), out)
    output.note(f"{count:,} results are in {out}")
    return DONE


def _writer(out: Path) -> Callable[[Sequence[Row], Path], int]:
    kind = out.suffix.lower().removeprefix(".")
    writers = {"parquet": _parquet, "csv": _csv, "json": _json}
    if kind not in writers:
        raise click.BadParameter(f"{out.name!r} says no format: end it with .{', .'.join(writers)}")
    if not out.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(out.parent))
    return writers[kind]


def _json(rows: Sequence[Row], out: Path) -> int:
    """Every digit, with GraphQL's names, a task on each line of a list."""
    lines = b",\n".join(exact_json.encode(row) for row in rows)
    out.write_bytes(b"[\n" + lines + b"\n]\n")
    return len(rows)


def _parquet(rows: Sequence[Row], out: Path) -> int:
    # late: both load pandas
    from taskq_kernel.client.parquet import to_parquet
    from taskq_kernel.client.results import results_frame

    to_parquet(results_frame(rows), out)
    return len(rows)


def _csv(rows: Sequence[Row], out: Path) -> int:
    # late: both load pandas
    from taskq_kernel.client.parquet import plain
    from taskq_kernel.client.results import results_frame

    frame = results_frame(rows)
    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = [plain(cell) for cell in frame[name]]
    frame.to_csv(out, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return len(rows)
