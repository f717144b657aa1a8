"""``taskq submit`` and ``taskq wait``."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click

from taskq_kernel.cli import DONE, FAILED, INTERRUPTED, output
from taskq_kernel.cli.options import TaskCommand, as_json_option, examples, ids_argument, size
from taskq_kernel.client import operations
from taskq_kernel.client.client import client_at
from taskq_kernel.client.connection import existing
from taskq_kernel.client.display import task_line
from taskq_kernel.client.options import PRIORITY_NAMES, parse_arguments, parse_env, parse_files, task_input
from taskq_kernel.client.session import Session
from taskq_kernel.client.task import Task
from taskq_kernel.client.task_cache import Entry
from taskq_kernel.domain import ValueKind, WhyKind
from taskq_kernel.errors import (
    InvalidTask,
    ServiceUnreachable,
    TaskCancelled,
    TaskDeleted,
    TaskFailed,
    TaskTimeout,
    listed,
)
from taskq_kernel.printable import printable_json

#: A command that waits gives up when the service was away for this long, in seconds.
PATIENCE_S = 60.0
#: How often a waiting command looks at the clock, in seconds.
_TICK_S = 0.5
#: How often it asks what keeps a task from starting, in seconds.
_DOUBT_S = 3.0


@click.command(
    cls=TaskCommand,
    epilog=examples(
        "echo 'sum(1:10)' | taskq submit - --wait",
        "echo 'sum(rand(n)) / n' | taskq submit - --name 'mean of noise' --arg n=1000 --timeout 60",
        "echo 'sqrt(2)' | taskq submit - --wait --json",
        "echo 'Threads.nthreads()' | taskq submit - --threads 2 --env JULIA_DEBUG=all",
        "echo 'cp(\"hosts\", \"copy.txt\")' | taskq submit - --file hosts=/etc/hosts --output '*.txt'",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--name", help="What to call the task.  [default: the file's name, or the code's first line]")
@click.option("--wait", is_flag=True, help="Wait for the value and write it as JSON, and nothing else.")
@click.option("--timeout", type=float, metavar="SECONDS", help="How long it may run.  [default: no limit]")
@click.option("--arg", "arguments", multiple=True, metavar="NAME=VALUE", help="A Julia literal, JSON, or text.")
@click.option("--queue", default="default", show_default=True, help="The queue it waits in.")
@click.option("--priority", default="normal", show_default=True, metavar="|".join(PRIORITY_NAMES))
@click.option("--memory-limit", metavar="SIZE", callback=size, help="Resident memory it may use, such as '2 GiB'.")
@click.option("--threads", type=int, metavar="N", help="Threads of Julia in it, and cores that it takes.  [default: 1]")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable of its environment; may be repeated.")
@click.option("--gpus", type=int, metavar="N", help="Devices that it has to itself.  [default: none]")
@click.option("--project", metavar="DIR", help="A folder that it has at hand, with its packages.")
@click.option("--max-attempts", type=int, default=1, show_default=True, help="Runs that may fail.")
@click.option("--seed", type=int, help="What its random numbers start from.  [default: one that is drawn]")
@click.option("--cache", is_flag=True, help="Take the value of an equal task of yours, where one has computed it.")
@click.option("--file", "files", multiple=True, metavar="NAME=PATH", help="A file for its folder; may be repeated.")
@click.option("--output", "outputs", multiple=True, metavar="PATTERN", help="Files of its folder to keep: '*.csv'.")
@as_json_option
def submit(
    file: Path, name: str | None, wait: bool, arguments: Sequence[str], env: Sequence[str], files: Sequence[str],
    as_json: bool, project: str | None, **options: Any,
) -> int:
    """Submit the Julia code in FILE, or from standard input with -.

    Writes the new task's number; with --wait its value as JSON; with --json the task as
    an object, with both the finished task.
    """
    given = task_input(
        _read(file),
        name if name is not None or str(file) == "-" else file.name,
        arguments=parse_arguments(arguments),
        env=parse_env(env),
        files=(named := parse_files(files)),
        transport=existing().transport() if named else None,
        project=None if project is None else client_at(existing()).project(project),
        **options,
    )
    address = existing()
    if wait:
        return _submit_and_wait(address, given, as_json)

    transport = address.transport()
    fields = operations.ALL if as_json else "number"
    task = operations.create(transport, [given | {"id": operations.new_id()}], fields)[0]
    if as_json:
        output.json_document(task)
    else:
        output.line(str(task["number"]))
    return DONE


def _read(file: Path) -> str:
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        where = "standard input" if str(file) == "-" else str(file)
        byte = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        raise InvalidTask(f"is not UTF-8: {byte}; nothing was submitted", "code", place=where) from None


def _submit_and_wait(address: Any, given: dict[str, Any], as_json: bool) -> int:
    client = client_at(address)
    task = client.create([given])[0]
    for _ in ended(client, [task], None):
        pass
    code = _tell_end(task)
    if as_json and not task.entry.deleted:
        output.json_document(operations.get(client.transport, task.id, operations.ALL))
    elif code == DONE:
        output.write(_value_json(client, task) + b"\n")
    return code


def _value_json(client: Session, task: Task) -> bytes:
    """The value as the service has it, undecoded."""
    ref = task.field("valueRef")
    if not ref:
        return output.as_json(task.field("value"))
    # late: numpy takes longer to load than a whole command
    from taskq_kernel.value_files import is_archive, json_of_file

    kind, data = task.field("valueKind"), client.transport.get_blob(ref)
    if kind == ValueKind.ARRAY or is_archive(data):
        return output.as_json(json_of_file(kind, data))
    return printable_json(data)


def _tell_end(task: Task) -> int:
    """Say on standard error why a task has no value, if it has none; the exit code."""
    if _finished(task.entry):
        return DONE
    try:
        task.outcome()
    except (TaskFailed, TaskCancelled, TaskDeleted) as error:
        output.note(f"taskq: {error}")
    return FAILED


def _finished(entry: Entry) -> bool:
    return entry.row["status"] == "FINISHED" and not entry.deleted


@click.command(
    epilog=examples(
        "taskq wait $(echo 'sleep(1)' | taskq submit -)",
        "taskq wait $(echo 'sleep(1)' | taskq submit -) --timeout 30 && echo it is done",
    ),
)
@ids_argument
@click.option("--timeout", type=float, metavar="SECONDS", help="How long to wait.  [default: as long as it takes]")
@as_json_option
def wait(ids: Sequence[str], timeout: float | None, as_json: bool) -> int:
    """Wait until tasks are done, and write how each ended, in that order.

    Exit code 0 if all are FINISHED, 1 if one is not, or not within --timeout.
    """
    client = client_at(existing())
    tasks = list({task.id: task for task in map(client.task, ids)}.values())
    done = sorted((task for task in tasks if task.entry.done), key=lambda task: task.entry.row["finishedAt"] or "")
    codes = []
    for task in chain(done, ended(client, [task for task in tasks if task not in done], timeout)):
        if not as_json:
            output.line(task_line(task.entry.shown))
        codes.append(DONE if _finished(task.entry) else FAILED)
    if as_json:
        client.cache.refresh(task.entry for task in tasks)
        output.json_document([task.entry.row for task in tasks if not task.entry.deleted])
    return max(codes)


def ended(client: Session, tasks: Sequence[Task], timeout_s: float | None) -> Iterator[Task]:
    """Tasks as they end; the way a command waits.

    Raises
    ------
    TaskTimeout
        After ``timeout_s``.
    ServiceUnreachable
        If the service was away for `PATIENCE_S`.
    click.exceptions.Exit
        On Ctrl-C, once it is said that the tasks go on.
    """
    woken: queue.SimpleQueue[Entry] = queue.SimpleQueue()
    doubt = _Doubt(client)
    left = {task.id: task for task in tasks}
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    if not left:
        return
    try:
        stop = client.cache.wait_for([task.entry for task in left.values()], woken.put)
        try:
            while left:
                tick = _TICK_S if deadline is None else min(_TICK_S, max(0.0, deadline - time.monotonic()))
                try:
                    task = left[woken.get(timeout=tick).id]
                except queue.Empty:
                    _check(client, left.values(), deadline, timeout_s)
                    doubt.say(left.values())
                    continue
                task.check_followed()
                del left[task.id]
                yield task
        finally:
            stop()
    except KeyboardInterrupt:
        output.note(f"\ntaskq: {_go_on(left.values())}")
        raise click.exceptions.Exit(INTERRUPTED) from None


def _check(client: Session, left: Any, deadline: float | None, timeout_s: float | None) -> None:
    """Give up where that is due."""
    if deadline is not None and time.monotonic() >= deadline:
        raise TaskTimeout(f"not done after {timeout_s:g} s: {_go_on(left)}")
    state = client.feed.state
    if state.name == "away" and (datetime.now(UTC) - state.since).total_seconds() > PATIENCE_S:
        raise ServiceUnreachable(f"the service has been away for {PATIENCE_S:.0f} s ({state.reason}); {_go_on(left)}")


class _Doubt:
    """Says on standard error, once, what keeps the first of the tasks from starting besides its turn."""

    def __init__(self, client: Session) -> None:
        self._client = client
        self._next = time.monotonic() + _DOUBT_S
        self._said: WhyKind | None = None

    def say(self, left: Iterable[Task]) -> None:
        """Ask the service, if that is due, and say what is new."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _DOUBT_S
        why = self._client.why(task.entry for task in left)
        if why is not None and why.kind.is_obstacle and why.kind is not self._said:
            output.note(f"taskq: still waiting: {why}")
        self._said = why.kind if why is not None else None


def _go_on(left: Any) -> str:
    numbers = [str(task.number) for task in left]
    if len(numbers) == 1:
        return f"task {numbers[0]} goes on; `taskq wait {numbers[0]}` waits for it again"
    return f"tasks {listed(numbers)} go on"
