"""``taskq cancel``, ``retry`` and ``delete``: commands that change tasks."""

from __future__ import annotations

from collections.abc import Sequence

import click

from taskq_kernel.cli import DONE, output
from taskq_kernel.cli.options import as_json_option, examples, ids_argument
from taskq_kernel.errors import listed

#: What was done, in words, and why it was not done to others.
_WORDS = {
    "cancel": ("cancelled", "done already"),
    "retry": ("queued again", "not done yet"),
    "delete": ("deleted", "gone already"),
}


@click.command(
    short_help="Cancel tasks.",
    epilog=examples("taskq cancel $(echo 'sleep(60)' | taskq submit -)", "taskq cancel 1 2 3"),
)
@ids_argument
@as_json_option
def cancel(ids: Sequence[str], as_json: bool) -> int:
    """Cancel tasks. One that runs stops within seconds; one that is done stays as it is."""
    return _change("cancel", ids, as_json)


@click.command(short_help="Run tasks again that are done.", epilog=examples("taskq retry 1"))
@ids_argument
@as_json_option
def retry(ids: Sequence[str], as_json: bool) -> int:
    """Run tasks again that are done, each as a new attempt of the same task."""
    return _change("retry", ids, as_json)


@click.command(short_help="Delete tasks.", epilog=examples("taskq delete 1"))
@ids_argument
@as_json_option
def delete(ids: Sequence[str], as_json: bool) -> int:
    """Delete tasks with their values and logs. One that runs is cancelled first."""
    return _change("delete", ids, as_json)


def _change(verb: str, ids: Sequence[str], as_json: bool) -> int:
    from taskq_kernel.client import operations
    from taskq_kernel.client.connection import existing

    transport = existing().transport()
    fields = operations.TASK if as_json else "number"
    tasks, changed = operations.change(transport, verb, list(dict.fromkeys(ids)), fields=fields)
    if as_json:
        output.json_document(tasks)
        return DONE
    done, why_not = _WORDS[verb]
    numbers = listed([task["number"] for task in tasks])
    if changed == len(tasks):
        output.line(f"{done}: {numbers}")
    else:
        output.line(f"{done}: {changed} of {numbers}; the others are {why_not}")
    return DONE
