"""``taskq ls``, ``show`` and ``logs``: commands that read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from taskq_kernel.cli import DONE, INTERRUPTED, batches, listing, output
from taskq_kernel.cli.listing import arguments_text
from taskq_kernel.cli.log_output import JsonPieces, LogOutput, Pieces, log_output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples
from taskq_kernel.cli.times import local_time, offset
from taskq_kernel.client import batch_operations, operations
from taskq_kernel.client.argument_order import order_of
from taskq_kernel.client.connection import existing
from taskq_kernel.client.display import size_text
from taskq_kernel.client.operations import logs as read_logs
from taskq_kernel.client.options import priority_name
from taskq_kernel.client.series import described as series_text
from taskq_kernel.client.task_filter import task_filter
from taskq_kernel.client.timing import described as timing_text
from taskq_kernel.client.timing import timing_of
from taskq_kernel.client.why import why_of
from taskq_kernel.domain import FINAL
from taskq_kernel.durations import seconds_text
from taskq_kernel.errors import ServiceUnreachable
from taskq_kernel.printable import one_line, printable
from taskq_kernel.provenance import WHAT, facts_of
from taskq_kernel.terminal.levels import NAMES, least
from taskq_kernel.terminal.log import coloured, folded, plain
from taskq_kernel.transport.graphql import GraphQLTransport
from taskq_kernel.value_text import written

#: How many batches are listed above the tasks.
BATCHES = 10
#: How often a followed log is read: workers bring what tasks print once a second.
_FOLLOW_S = 0.5
#: A followed log is given up when the service was away for this long, in seconds.
PATIENCE_S = 60.0


@click.command(
    cls=TaskCommand,
    epilog=examples(
        "taskq ls", "taskq ls --status failed --status cancelled --limit 10", "taskq ls --json", "taskq ls --batches",
        "taskq ls --arg n=200 --arg 'beta>0.5' --sort n",
    ),
)
@click.option("--status", multiple=True, help="Only tasks with this status; may be repeated.")
@click.option("--name", help="Only tasks with this in their name.")
@click.option("--search", help="Only tasks with this in their name or code.")
@click.option("--queue", help="Only tasks of this queue.")
@click.option("--worker", help="Only tasks that this worker ran.")
@click.option("--owner", help="Only tasks of this owner.")
@click.option("--batch", help="Only tasks of this batch, by its name or UUID: a row that is opened.")
@click.option(
    "--arg", "arguments", multiple=True, metavar="CONDITION",
    help="Only tasks with such an argument: n=200, 'beta>0.5', 'n!=3', method=euler; may be repeated.",
)
@click.option(
    "--sort", metavar="NAME",
    help="Sort by an argument, or by number, name, status, seconds, queue, priority, owner, created, started or "
         "finished; -NAME is the reverse. By default the newest come first.",
)
@click.option("--batches", "only_batches", is_flag=True, help="List batches, a row each.")
@click.option("--created-after", metavar="TIME", help="Only tasks submitted at this time or later.")
@click.option("--created-before", metavar="TIME", help="Only tasks submitted before this time.")
@click.option("--finished-after", metavar="TIME", help="Only tasks that ended at this time or later.")
@click.option("--finished-before", metavar="TIME", help="Only tasks that ended before this time.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many.")
@as_json_option
def ls(
    status: Sequence[str], limit: int, as_json: bool, only_batches: bool, sort: str | None, **selection: Any
) -> int:
    """List tasks, the newest first.

    In a terminal a batch of points is one row, above the other tasks; --batch opens it. A TIME is a
    day, or a day and a time, in ISO 8601. Without an offset it is local time.
    """
    if only_batches:
        return _list_batches(_transport(), limit, as_json, selection | {"sort": sort})
    order = ("NUMBER", "DESC") if sort is None else order_of(sort)
    chosen = task_filter(status=status or None, **selection)
    transport = _transport()
    if "batch" in chosen:
        chosen["batch"] = batch_operations.id_of(transport, str(chosen["batch"]))
    fields = operations.TASK if as_json else f"{operations.ROW} arguments"
    if not chosen and sort is None and not as_json and output.for_people():
        _write_batches(transport)
        chosen = task_filter(is_point=False)
    rows = list(operations.pages(transport, chosen, fields, order=[order], limit=limit))
    if as_json:
        output.json_document(rows)
    else:
        listing.write(rows)
    return DONE


def _list_batches(transport: GraphQLTransport, limit: int, as_json: bool, selection: dict[str, Any]) -> int:
    others = [name for name, value in selection.items() if value and name not in ("name", "owner")]
    if others:
        raise click.UsageError(f"--batches goes with --name, --owner and --limit, and not with {others[0]}")
    rows, _ = batch_operations.page(
        transport, first=min(limit, 1000), name=selection["name"], owner=selection["owner"], fields=batches.FIELDS
    )
    if as_json:
        output.json_document(rows)
    else:
        batches.write(rows)
    return DONE


def _write_batches(transport: GraphQLTransport) -> None:
    """The newest batches, above the tasks that are no points of any."""
    rows, total = batch_operations.page(transport, first=BATCHES, fields=batches.FIELDS)
    if rows:
        batches.write(rows)
        more = f"{total - len(rows)} older batches: taskq ls --batches\n" if total > len(rows) else ""
        output.write(f"{more}\n")


@click.command(
    epilog=examples("taskq show $(echo 'sum(1:10)' | taskq submit -)", "taskq show 1 --json", "taskq show --batch gaps")
)
@click.argument("task_id", metavar="ID", required=False)
@click.option("--batch", help="Instead of a task: a batch, by its name or UUID, with why its points failed.")
@as_json_option
def show(task_id: str | None, batch: str | None, as_json: bool) -> int:
    """Show all there is to know of a task, or of a batch."""
    if (task_id is None) == (batch is None):
        raise click.UsageError("give either the ID of a task or --batch, and not both")
    if batch is not None:
        found = batch_operations.find(_transport(), batch, batches.FIELDS)
        if as_json:
            output.json_document(found)
        else:
            output.write(batches.described(found))
        return DONE
    task = operations.get(_transport(), str(task_id), f"{operations.ALL} series")
    if as_json:
        output.json_document(task)
    else:
        output.write_coloured(_described(task))
    return DONE


def _described(task: dict[str, Any]) -> str:
    progress, timing = task["progress"], timing_of(task)
    told = facts_of(task)
    known = {fact.key: str(fact) for fact in told}
    facts = {
        "status": task["status"],
        "why": None if task["status"] in FINAL else str(why_of(task["why"])),
        "progress": None if progress is None else f"{100 * progress:.0f} % {task['progressMessage'] or ''}".strip(),
        "seconds": seconds_text(task["seconds"]),
        "worker": task["worker"],
        "attempt": task["attempt"] or None,
        "may fail": f"{task['maxAttempts']} times" if task["maxAttempts"] > 1 else None,
        "workers lost": task["lost"] or None,
        "queue": task["queue"],
        "priority": priority_name(task["priority"]),
        "time limit": seconds_text(task["timeoutSeconds"]),
        "memory limit": size_text(task["memoryLimit"]),
        "threads": task.get("threads"),
        "variables": " ".join(f"{name}={value}" for name, value in (task.get("env") or {}).items()),
        "GPUs": task.get("gpus"),
        "owner": task["owner"],
        "batch": task["batch"],
        "repeats": task["repeats"],
        "cached from": None if task["cachedFrom"] is None else f"task {task['cachedFrom']}, which computed its value",
        "environment": task["environment"],
        "project": known.get("project"),
        "git commit": known.get("git_commit"),
        "seed": task["seed"],
        "input files": ", ".join(task.get("inputFiles") or ()),
        "outputs": " ".join(task.get("outputs") or ()),
        "id": task["id"],
        "arguments": arguments_text(task["arguments"] or {}),
        "time": None if timing is None else timing_text(timing),
        "advice": None if timing is None else timing.advice,
    }
    lines = [f"task {task['number']}: {one_line(task['name'])}", ""]
    lines += [f"{name:<13} {one_line(str(value))}" for name, value in facts.items() if value not in (None, "")]
    curves = series_text(task["series"])
    if curves:
        width = max(map(len, curves))
        lines += ["", "series", *(f"  {one_line(name):<{width}}  {text}" for name, text in curves.items())]
    made = [fact for fact in told if fact.part != WHAT]
    if task.get("surroundings"):
        width = max(len(fact.label) for fact in made)
        lines += ["", "how this was made", *(f"  {fact.label:<{width}}  {one_line(str(fact))}" for fact in made)]
    zone = offset(task["createdAt"])
    lines += ["", f"history, by this machine's clock ({zone})"]
    for event in task["history"]:
        lines.append(f"  {local_time(event['at'])}  {event['status']:<9}  {one_line(event['reason'])}")
    lines += ["", "code", _indented(printable(task["code"]))]
    if task["valueKind"] is not None:
        note = f" ({task['valueNote']})" if task["valueNote"] else ""
        lines += ["", one_line(f"value: {task['valueType']}{note}"), _indented(_as_shown(_value_text(task)))]
    if task["error"] is not None:
        error = task["error"]
        lines += ["", one_line(f"error: {error['name']}"), _indented(_as_shown(error["message"]))]
        if error["stacktrace"]:
            lines += ["", "stack trace", _indented(_as_shown(error["stacktrace"]))]
    return "\n".join(lines) + "\n"


def _value_text(task: dict[str, Any]) -> str:
    if task["valueKind"] == "JSON" and task["valueRef"] is None:
        return written(task["value"])
    if task["valueKind"] == "REPR" and task["valueRef"] is None:
        return str(task["value"]["repr"])
    return str(task["valueText"])


def _as_shown(text: str) -> str:
    """Return text as a terminal shows it, with its colours where standard output has them."""
    return (coloured if output.has_colours() else plain)(folded(text))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip("\n").split("\n"))


@click.command(
    epilog=examples("taskq logs -f $(echo 'println(\"hello\")' | taskq submit -)", "taskq logs 1 --level warn")
)
@click.argument("task_id", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on until the task is done.")
@click.option(
    "--level", type=click.Choice(list(NAMES), case_sensitive=False),
    help="Only records of Julia's loggers (@info, @warn, ...) from this level on.",
)
@click.option("--raw", is_flag=True, help="Every character that was printed, as it was printed.")
@as_json_option
def logs(task_id: str, follow: bool, level: str | None, raw: bool, as_json: bool) -> int:
    """Write what a task printed in its latest attempt, as a terminal shows it.

    A progress meter that writes over its own line is one line. A terminal gets colours; it
    obeys nothing else of what was printed, and with --raw sees it. With --json, each piece
    as an object on a line of its own, as it was printed.
    """
    if level and (raw or as_json):
        raise click.UsageError("--level chooses among lines: leave out --raw and --json, which write pieces")
    transport = _transport()
    after: int | None = None
    attempt = None
    away_since = None
    log = _log_output(level, raw, as_json)
    try:
        while True:
            try:
                task, chunks = read_logs(transport, task_id, after)
            except ServiceUnreachable:
                away_since = away_since or time.monotonic()
                if not follow or time.monotonic() - away_since > PATIENCE_S:
                    raise
                time.sleep(_FOLLOW_S)
                continue
            away_since = None
            if attempt not in (None, task["attempt"]):
                attempt, after = task["attempt"], None
                log.finish()
                log = _log_output(level, raw, as_json)
                output.note(f"taskq: attempt {attempt}")
                continue
            attempt = task["attempt"]
            if chunks:
                log.feed(chunks)
                after = chunks[-1]["seq"]
            if not follow or task["status"] in ("FINISHED", "FAILED", "CANCELLED"):
                return DONE
            time.sleep(_FOLLOW_S)
    except KeyboardInterrupt:
        output.note(f"\ntaskq: task {task_id} goes on")
        return INTERRUPTED
    finally:
        log.finish()


def _log_output(level: str | None, raw: bool, as_json: bool) -> LogOutput:
    if as_json:
        return JsonPieces()
    return Pieces() if raw else log_output(least(level))


def _transport() -> GraphQLTransport:
    return existing().transport()
