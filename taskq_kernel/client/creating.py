"""From what a task is given to the `Task` that stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskq_kernel.client import operations
from taskq_kernel.client.session import Session
from taskq_kernel.client.task import Task, task_from
from taskq_kernel.client.unfinished import said_of_unfinished
from taskq_kernel.domain import TaskStatus

#: What a task has before anything happened to it.
_UNTOUCHED: dict[str, Any] = {field.graphql: field.empty for field in operations.LIVE}
#: What it has where its input does not say.
_UNSAID: dict[str, Any] = {
    field.graphql: field.empty for field in operations.FIXED if field.empty is not None or not field.type.endswith("!")
}


def create(client: Session, inputs: Sequence[dict[str, Any]]) -> list[Task]:
    """Submit tasks, given as GraphQL's ``TaskInput`` without ids; errors are those of `Client.submit_many`."""
    # The feed starts first, so that it need not be asked what happened meanwhile.
    client.feed.start()
    made: list[Task] = []
    for chunk in operations.chunks(inputs, operations.CREATE_CHUNK):
        given = [one | {"id": operations.new_id()} for one in chunk]
        before = len(made) if len(inputs) > 1 else None
        try:
            with client.cache.reading():
                created = operations.create(client.transport, given, operations.CREATED, before)
                rows = [_task_row(one, answer) for one, answer in zip(given, created, strict=True)]
                made += [task_from(client, row) for row in rows]
        except BaseException as error:  # Ctrl-C above all: what was submitted goes on
            for note in said_of_unfinished(error, given, len(made), len(inputs)):
                error.add_note(note)
            raise
    return made


def _task_row(given: dict[str, Any], created: dict[str, Any]) -> dict[str, Any]:
    """All that is known of a task that was just created.

    Parameters
    ----------
    given : dict
        The ``TaskInput`` it was created from.
    created : dict
        What the service answered.
    """
    unsaid = dict(_UNSAID)
    if given.get("definition") is not None:
        for name in ("code", "entry"):  # the definition's: read when they are asked for
            unsaid.pop(name, None)
    data = unsaid | given | created
    # A request that was repeated finds tasks that have gone on: their other fields are read.
    return _UNTOUCHED | data if created["status"] == TaskStatus.QUEUEING and not created["attempt"] else data
