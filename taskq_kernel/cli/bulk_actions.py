"""``taskq cancel``, ``retry`` and ``delete``: the bulk actions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import as_json_option, examples, ids_argument
from taskq_kernel.client import operations
from taskq_kernel.client.connection import existing
from taskq_kernel.client.operations import Row
from taskq_kernel.errors import listed

#: What was done, in words, and why it was not done to others.
_WORDS = {
    "cancel": ("cancelled", "done already"),
    "retry": ("queued again", "not done yet"),
    "delete": ("deleted", "gone already"),
}


@click.command(
    epilog=examples("taskq cancel $(echo 'sleep(60)' | taskq submit -)", "taskq cancel 1 2 3"),
)
@ids_argument
@as_json_option
def cancel(ids: Sequence[str], as_json: bool) -> int:
    """Cancel tasks. One that runs stops within seconds; one that is done stays as it is."""
    return _act("cancel", ids, as_json)


@click.command(epilog=examples("taskq retry 1"))
@ids_argument
@as_json_option
def retry(ids: Sequence[str], as_json: bool) -> int:
    """Run tasks again that are done.

    What failed or was cancelled runs in a new attempt of the same task. What finished keeps
    its value: a new task repeats it.
    """
    return _act("retry", ids, as_json)


@click.command(epilog=examples("taskq delete 1"))
@ids_argument
@as_json_option
def delete(ids: Sequence[str], as_json: bool) -> int:
    """Delete tasks with their values and logs. One that runs is cancelled first."""
    return _act("delete", ids, as_json)


def _act(verb: str, ids: Sequence[str], as_json: bool) -> int:
    transport = existing().transport()
    fields = operations.TASK if as_json else "id number repeats"
    tasks, changed = operations.bulk_action(transport, verb, list(dict.fromkeys(ids)), fields=fields)
    if as_json:
        output.json_document(tasks)
        return DONE
    if repeated := _repeated(tasks, ids) if verb == "retry" else []:
        pairs = listed([f"{task['repeats']} as {task['number']}" for task in repeated])
        output.line(f"run again, with the first value kept: {pairs}")
        tasks = [task for task in tasks if task not in repeated]
        changed -= len(repeated)
    if tasks:
        _say(verb, [task["number"] for task in tasks], changed)
    return DONE


def _say(verb: str, numbers: Sequence[int], changed: int) -> None:
    done, why_not = _WORDS[verb]
    if changed == len(numbers):
        output.line(f"{done}: {listed(numbers)}")
    else:
        output.line(f"{done}: {changed} of {listed(numbers)}; the others are {why_not}")


def _repeated(tasks: Sequence[Row], ids: Sequence[str]) -> list[Row]:
    """Return the new tasks of an answer: those that nobody has named."""
    numbers = {int(one) for one in ids if one.isdecimal()}
    uuids = {UUID(one) for one in ids if not one.isdecimal()}
    return [task for task in tasks if task["number"] not in numbers and UUID(task["id"]) not in uuids]
