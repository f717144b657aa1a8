"""``taskq ls``, ``show`` and ``logs``: commands that read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from taskq_kernel.cli import DONE, INTERRUPTED, output
from taskq_kernel.cli.options import as_json_option, examples
from taskq_kernel.errors import ServiceUnreachable

if TYPE_CHECKING:
    from taskq_kernel.client.transport import GraphQLTransport

#: How often a followed log is read: workers bring what tasks print once a second.
_FOLLOW_S = 0.5
#: A followed log is given up when the service was away for this long, in seconds.
PATIENCE_S = 60.0


@click.command(epilog=examples("taskq ls", "taskq ls --status failed --status cancelled --limit 10", "taskq ls --json"))
@click.option("--status", multiple=True, help="Only tasks with this status; may be repeated.")
@click.option("--name", help="Only tasks with this in their name.")
@click.option("--search", help="Only tasks with this in their name or code.")
@click.option("--queue", help="Only tasks of this queue.")
@click.option("--worker", help="Only tasks that this worker ran.")
@click.option("--owner", help="Only tasks of this owner.")
@click.option("--batch", help="Only tasks of this batch.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most this many.")
@as_json_option
def ls(status: Sequence[str], limit: int, as_json: bool, **selection: Any) -> int:
    """List tasks, the newest first."""
    from taskq_kernel.client import operations

    chosen = operations.task_filter(status=status or None, **selection)
    fields = operations.TASK if as_json else operations.ROW
    rows = list(operations.pages(_transport(), chosen, fields, order=[("NUMBER", "DESC")], limit=limit))
    if as_json:
        output.json_document(rows)
    else:
        output.table(rows)
    return DONE


@click.command(epilog=examples("taskq show $(echo 'sum(1:10)' | taskq submit -)", "taskq show 1 --json"))
@click.argument("task_id", metavar="ID")
@as_json_option
def show(task_id: str, as_json: bool) -> int:
    """Show all there is to know of a task."""
    from taskq_kernel.client import operations

    task = operations.get(_transport(), task_id, operations.ALL)
    if as_json:
        output.json_document(task)
    else:
        output.write(_described(task))
    return DONE


def _described(task: dict[str, Any]) -> str:
    from taskq_kernel.client.display import seconds_text

    progress = task["progress"]
    facts = {
        "status": task["status"],
        "progress": None if progress is None else f"{100 * progress:.0f} % {task['progressMessage'] or ''}".strip(),
        "seconds": seconds_text(task["seconds"]),
        "worker": task["worker"],
        "attempt": task["attempt"] or None,
        "may fail": f"{task['maxAttempts']} times" if task["maxAttempts"] > 1 else None,
        "workers lost": task["lost"] or None,
        "queue": task["queue"],
        "priority": task["priority"],
        "time limit": None if task["timeoutSeconds"] is None else f"{task['timeoutSeconds']:g} s",
        "memory limit": None if task["memoryLimit"] is None else f"{int(task['memoryLimit'])} bytes",
        "owner": task["owner"],
        "batch": task["batch"],
        "repeats": task["repeats"],
        "id": task["id"],
        "arguments": output.as_json(task["arguments"]).decode() if task["arguments"] else None,
    }
    lines = [f"task {task['number']}: {task['name']}", ""]
    lines += [f"{name:<13} {value}" for name, value in facts.items() if value not in (None, "")]
    lines += ["", "history"]
    for event in task["history"]:
        lines.append(f"  {event['at']}  {event['status']:<9}  {event['reason']}")
    lines += ["", "code", _indented(task["code"])]
    if task["valueKind"] is not None:
        note = f" ({task['valueNote']})" if task["valueNote"] else ""
        lines += ["", f"value: {task['valueType']}{note}", _indented(_value_text(task))]
    if task["error"] is not None:
        error = task["error"]
        lines += ["", f"error: {error['name']}", _indented(error["message"])]
        if error["stacktrace"]:
            lines += ["", "stack trace", _indented(error["stacktrace"])]
    return "\n".join(lines) + "\n"


def _value_text(task: dict[str, Any]) -> str:
    if task["valueKind"] == "JSON" and task["valueRef"] is None:
        return output.as_json(task["value"]).decode()
    if task["valueKind"] == "REPR" and task["valueRef"] is None:
        return str(task["value"]["repr"])
    return str(task["valueText"])


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip("\n").splitlines())


@click.command(epilog=examples("taskq logs -f $(echo 'println(\"hello\")' | taskq submit -)", "taskq logs 1"))
@click.argument("task_id", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on until the task is done.")
@as_json_option
def logs(task_id: str, follow: bool, as_json: bool) -> int:
    """Write what a task printed in its latest attempt.

    With --json, each piece as an object on a line of its own.
    """
    from taskq_kernel.client.operations import logs as read_logs

    transport = _transport()
    after: int | None = None
    attempt = None
    away_since = None
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
                output.note(f"taskq: attempt {attempt}")
                continue
            attempt = task["attempt"]
            for chunk in chunks:
                output.write(output.as_json(chunk) + b"\n" if as_json else chunk["text"])
                after = chunk["seq"]
            if not follow or task["status"] in ("FINISHED", "FAILED", "CANCELLED"):
                return DONE
            time.sleep(_FOLLOW_S)
    except KeyboardInterrupt:
        output.note(f"\ntaskq: task {task_id} goes on")
        return INTERRUPTED


def _transport() -> GraphQLTransport:
    from taskq_kernel.client.connection import existing

    return existing().transport()
